import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { noVarySearchOf, searchUnder, searchVarianceOf } from '../../../src/http/no-vary-search.js';
import { quiet, redisForFile } from '../support/redis-for-file.js';

const file = redisForFile();

test.each(['simple', 'extended'])(
  'a list of what counts is emitted for the parser that reads names as they are: %s',
  async (parser) => {
    const app = express().set('query parser', parser);
    const queryParams = { allow: ['page'], emit: true };
    app.get(
      '/p',
      cacheResponse({ redis: file.redis, logger: quiet, queryParams }),
      (_req, res) => void res.end(),
    );
    const { headers } = await request(app).get('/p?page=1');
    // `?page[]=2` is another page for the extended parser.
    expect(headers['no-vary-search']).toBe(parser === 'simple' ? 'except=("page"), key-order' : undefined);
  },
);

test.each([[['utm source', 'é 気', 'a+b', 'a&b', 'c=d', '100%', '"', '\\', "it's", '[x]', '']], [[]]])(
  'what is emitted for %j is what is understood',
  (names) => {
    for (const kind of ['only', 'all but'] as const) {
      const variance = searchVarianceOf({ 'no-vary-search': noVarySearchOf(kind, names) })!;
      expect([...variance.names]).toEqual(names);
      expect([variance.kind, variance.isOrdered]).toEqual([kind, false]);
      expect(searchUnder(variance, 'b=1&a=2')).toBe(searchUnder(variance, 'a=2&b=1'));
    }
  },
);

test.each([{ allow: ['a'], ignore: ['b'] }, { ignore: ['a'], emit: 'yes' }, { emit: true }, { ignore: 'a' }])(
  'queryParams %j is refused',
  (queryParams) => {
    const make = () => cacheResponse({ redis: file.redis, queryParams: queryParams as never });
    expect(make).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  },
);
