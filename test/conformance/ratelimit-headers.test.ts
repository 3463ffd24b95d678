import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import express from 'express';
import { decodeList } from 'structured-field-values';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { problemDetails } from '../../middleware/problem/problem-details.js';
import { rateLimit } from '../../middleware/rate-limit/rate-limit.js';
import { closeRedis, connectRedis } from '../../src/redis/connect.js';
import { quiet, redisForFile, serve } from '../middleware/support/redis-for-file.js';
import { type Exchange, ROWS, type Row } from './ratelimit-headers.js';

const CLIENT = 'the client';
const file = redisForFile();
let prefixes = 0;

test.each(ROWS)('$says', async (row) => {
  const { url, block } = await serveRow(row);
  for (const exchange of row.exchanges) {
    if (exchange.blockedMs) await block(exchange.blockedMs);
    for (let n = 0; n < (exchange.times ?? 1); n++) meets(exchange, await ask(url, exchange));
  }
});

async function serveRow({ options, isAway }: Row) {
  const prefix = `row-${++prefixes}:`;
  const redis = isAway ? awayClient() : file.redis;
  const common = { redis, prefix, logger: quiet };
  const keyGenerator = () => CLIENT;
  const limiter = rateLimit({ ...common, keyGenerator, limit: 5, windowMs: 60_000, ...options });
  const second = rateLimit({ ...common, keyGenerator, limit: 3, windowMs: 60_000, identifier: 'second' });
  let calls = 0;
  const app = express();
  app.use(limiter);
  app.get('/', (_req, res) => void res.send('done'));
  app.get('/moved', (_req, res) => res.redirect('/'));
  app.get('/twice', second, (_req, res) => void res.send('done'));
  app.use(cacheResponse({ ...common, ttlSeconds: 60 }));
  app.get('/cached', (_req, res) => void res.set('ETag', '"1"').send('done'));
  app.get('/own-429', (_req, res) => {
    calls += 1;
    res.status(429).set({ 'Cache-Control': 'public, max-age=60', 'X-Call': String(calls) });
    res.send('enough');
  });
  app.use(problemDetails());
  return { url: await serve(app), block: (ms: number) => limiter.block(CLIENT, ms) };
}

function awayClient() {
  const redis = connectRedis({ url: 'redis://127.0.0.1:1', logger: quiet });
  onTestFinished(() => closeRedis(redis));
  return redis;
}

type Answer = Awaited<ReturnType<typeof ask>>;

async function ask(url: string, { path = '/', method = 'GET', headers = {} }: Exchange) {
  const sent = request(`${url}${path}`, { method, headers }).end();
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve).on('error', reject);
  });
  const body = await text(answer);
  return { status: answer.statusCode, headers: answer.headers, trailers: answer.trailers, body };
}

function meets(exchange: Exchange, answer: Answer): void {
  const { status = 200, policy, quotas, retryAfter, problem, sent = {} } = exchange;
  const field = (name: string) => answer.headers[name.toLowerCase()] ?? null;
  expect(answer.status).toBe(status);
  expect(answer.trailers).toEqual({});
  if (policy !== undefined) expect(field('RateLimit-Policy')).toBe(policy);
  if (quotas === null) expect(field('RateLimit')).toBeNull();
  else if (quotas) hasQuotas(String(field('RateLimit')), quotas, field('Retry-After'));
  if (retryAfter === 'set') expect(field('Retry-After')).toMatch(/^[1-9]\d*$/);
  else if (retryAfter !== undefined) expect(field('Retry-After')).toBe(retryAfter && String(retryAfter));
  if (problem) {
    const { type, violated } = problem;
    expect(JSON.parse(answer.body)).toMatchObject({
      type: `https://iana.org/assignments/http-problem-types#${type}`,
      status,
      'violated-policies': violated,
    });
  } else if (problem === null) expect(() => JSON.parse(answer.body)).toThrow();
  for (const [name, value] of Object.entries(sent)) expect(field(name), name).toBe(value);
}

function hasQuotas(given: string, quotas: NonNullable<Exchange['quotas']>, retryAfter: unknown): void {
  const members = decodeList(given) as { value: string; params: { r: number; t: number } }[];
  expect(members.map(({ value, params }) => [value, params.r])).toEqual(quotas);
  for (const { params } of members) {
    // Nothing within no time would be an invitation.
    expect(params.t).toBeGreaterThanOrEqual(params.r === 0 ? 1 : 0);
    if (params.r === 0 && retryAfter) expect(Number(retryAfter)).toBeGreaterThanOrEqual(params.t);
  }
}
