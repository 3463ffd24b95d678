import type { Request, Response } from 'express';
import * as peer from 'express-rate-limit';
import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { ipKeyGenerator } from '../../../../middleware/rate-limit/client-address.js';
import { clientForFile } from '../../../support/client-for-file.js';
import { expectAlike, type Scene } from './support/compared.js';

let redis: Redis;
clientForFile((own) => {
  redis = own;
});
const boom = (): never => {
  throw new Error('boom');
};
const later = async <Value>(value: Value) => value;

const kinds: Record<string, Record<string, Scene>> = {
  'header fields': Object.fromEntries(
    [false, true, 'draft-6', 'draft-7', 'draft-8'].flatMap((standardHeaders) =>
      [true, false].map((legacyHeaders) => [
        `standardHeaders ${standardHeaders}, legacyHeaders ${legacyHeaders}`,
        { options: { standardHeaders, legacyHeaders } },
      ]),
    ),
  ),
  options: {
    'undefined ones': { options: { message: undefined, handler: undefined, keyGenerator: undefined } },
    'limit, a function': {
      options: { limit: ({ query }: Request) => Number(query.limit) },
      asks: ['/?limit=1', '/?limit=1'],
    },
    'limit, a promise': { options: { limit: () => later(1) } },
    'limit that throws': { options: { limit: boom, legacyHeaders: false } },
    max: { options: { limit: undefined, max: 1 } },
    'max beside limit': { options: { max: 1, limit: 2 } },
    'headers: false': { options: { headers: false, legacyHeaders: undefined } },
    statusCode: { options: { statusCode: 420 } },
    'skip, always': { options: { skip: () => later(true) } },
    'skip that throws': { options: { skip: boom } },
    'skip that returns a text': { options: { skip: () => 'yes' } },
    keyGenerator: {
      options: { keyGenerator: ({ query }: Request) => `k${query.k}` },
      asks: ['/?k=1', '/?k=1', '/?k=1', '/?k=2'],
    },
    'keyGenerator that throws': { options: { keyGenerator: boom } },
    'retryAfter, a number': { options: { retryAfter: 7 } },
    'retryAfter, a promise': { options: { retryAfter: () => later(7) } },
    'retryAfter, a function without a result': { options: { retryAfter: () => undefined } },
    'retryAfter 0': { options: { retryAfter: 0 } },
    'retryAfter that throws': { options: { retryAfter: boom } },
    'retryAfter without headers': { options: { retryAfter: 7, legacyHeaders: false } },
    'identifier, a function': {
      options: { standardHeaders: 'draft-8', identifier: ({ rateLimit }: Request) => `l${rateLimit.limit}` },
    },
  },
  messages: {
    'an object': { options: { message: { error: 'slow down' } } },
    'a number': { options: { message: 42 } },
    'an empty text': { options: { message: '' } },
    null: { options: { message: null } },
    'a list': { options: { message: [1, 2] } },
    'a function': { options: { message: ({ path }: Request) => later(`not ${path}`) } },
    'a function that answers': {
      options: { message: (_req: Request, res: Response) => void res.send('mine') },
    },
    'a function that throws': { options: { message: boom } },
    'to a HEAD': { asks: ['HEAD /', 'HEAD /', 'HEAD /'] },
  },
  handlers: {
    'with the options': {
      options: {
        handler: (
          req: Request,
          res: Response,
          _next: unknown,
          { statusCode, message }: { statusCode: number; message: string },
        ) => void res.status(statusCode).json([message, req.rateLimit.used, req.rateLimit.current]),
      },
    },
    'that calls next': { options: { handler: (_req: Request, _res: Response, next: () => void) => next() } },
    'that passes an error on': {
      options: {
        handler: (_req: Request, _res: Response, next: (error: Error) => void) => next(new Error('mine')),
      },
    },
    'that throws': { options: { handler: boom } },
    'that rejects': { options: { handler: () => Promise.reject(new Error('later')) } },
  },
  refunds: Object.fromEntries(
    ['skipFailedRequests', 'skipSuccessfulRequests'].flatMap((option) =>
      [200, 304, 400, 500].map((status) => [
        `${option}, ${status}`,
        {
          options: { limit: 1, [option]: true },
          asks: [`/?status=${status}`, 'POST /?status=302', `/?status=${status}`],
        },
      ]),
    ),
  ),
  addresses: {
    'of IPv6, cut': {
      options: { ipv6Subnet: 48 },
      prepare: (app) => void app.set('trust proxy', 1),
      fields: { 'X-Forwarded-For': '2001:db8:1:2:3:4:5:6' },
    },
  },
};

describe.each(Object.entries(kinds))('as on express-rate-limit, %s:', (_kind, scenes) => {
  test.each(Object.entries(scenes))('%s', (_name, scene) => expectAlike(redis, scene));
});

test.each([
  '203.0.113.7',
  '2001:db8:1:2:3:4:5:6',
  '::1',
  '::',
  'fe80::1%eth0',
  '::ffff:203.0.113.7',
  '::ffff:cb00:7107',
  '::203.0.113.7',
  '2001:DB8::1',
  'no address',
])('as on express-rate-limit, the key of %s', (address) => {
  for (const bits of [undefined, 32, 48, 57, 64]) {
    expect(ipKeyGenerator(address, bits)).toBe(peer.ipKeyGenerator(address, bits));
  }
});
