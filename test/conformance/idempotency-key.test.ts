import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import express, { type RequestHandler } from 'express';
import { describe, expect, test } from 'vitest';
import { idempotent } from '../../middleware/idempotent/idempotent.js';
import { quiet, redisForFile, serve } from '../middleware/support/redis-for-file.js';
import { type Exchange, ROWS, type Row } from './idempotency-key.js';

const file = redisForFile();
let prefixes = 0;

// The fingerprint is the same whether the content was parsed before or is parsed afterwards.
describe.each(['before', 'after'] as const)('with a parser %s', (place) => {
  test.each(ROWS)('$says', async (row) => {
    const { url, runs } = await serveRow(row, place);
    for (const exchange of row.exchanges) {
      const { status, run, replayed, code } = exchange;
      const answer = await ask(url, exchange);
      expect([answer.status, answer.run, answer.replayed, answer.code]).toEqual([
        status,
        run,
        replayed,
        code,
      ]);
      if (code) expect(answer.type).toBe('application/problem+json; charset=utf-8');
    }
    expect(runs()).toBe(row.runs);
  });
});

async function serveRow({ options }: Row, place: 'before' | 'after') {
  let runs = 0;
  const handler: RequestHandler = (req, res) => {
    runs += 1;
    res.status(Number(req.query.status ?? (req.method === 'GET' ? 200 : 201)));
    res.set('Location', `/o/${runs}`).json({ run: runs, content: req.body ?? null });
  };
  const app = express();
  const parsers = [express.json(), express.text()];
  const once = idempotent({
    redis: file.redis,
    prefix: `row-${++prefixes}:`,
    logger: quiet,
    scope: (req) => req.get('X-User') ?? undefined,
    ...options,
  });
  const steps = place === 'before' ? [...parsers, once] : [once, ...parsers];
  for (const path of ['/o', '/p', '/o/:id/pay']) app.all(path, ...steps, handler);
  return { url: await serve(app), runs: () => runs };
}

async function ask(url: string, { key, method = 'POST', path = '/o', ...exchange }: Exchange) {
  const { user = 'ann', type = 'application/json', content = '{"a":1}', headers } = exchange;
  const sent = request(`${url}${path}`, {
    method,
    headers: {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(content),
      ...(user && { 'X-User': user }),
      ...(key !== undefined && { 'Idempotency-Key': typeof key === 'string' ? key : [...key] }),
      ...headers,
    },
  });
  const answered = new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve).on('error', reject);
  });
  // With a text, Node would send the fields as UTF-8.
  sent.end(Buffer.from(content));
  const answer = await answered;
  const body = JSON.parse(await text(answer)) as { run?: number; code?: string };
  const replayed = answer.headers['idempotency-replayed'] === 'true' ? true : undefined;
  const { run, code } = body;
  return { status: answer.statusCode, type: answer.headers['content-type'], run, code, replayed };
}
