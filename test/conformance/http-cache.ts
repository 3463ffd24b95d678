import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProxy } from '../../examples/reverse-proxy/app.js';
import { ask, type Reply } from '../middleware/cache/support/cache-client.js';
import { quiet, redisForFile } from '../middleware/support/redis-for-file.js';
import { type OriginAnswer, startScriptedOrigin } from './scripted-origin.js';

/** A request, what the origin would answer, and where the client's answer has to come from. */
export interface Exchange {
  ask?: { method?: string; headers?: Record<string, string> };
  origin?: OriginAnswer;
  /** `validation`: the origin was asked whether the stored response is current. */
  from: 'origin' | 'cache' | 'validation';
  status?: number;
  /** Undefined: the header must be absent. */
  headers?: Record<string, string | RegExp | undefined>;
  body?: string;
  /** What the origin must have been asked. */
  asked?: Record<string, string | undefined>;
}

/** A rule: the section of the RFC, what it says, and exchanges that show it. */
export type Row = readonly [section: string, rule: string, ...exchanges: Exchange[]];

export const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toUTCString();
export const ahead = (seconds: number) => ago(-seconds);

export type Headers = Record<string, string | string[]>;

const get = (origin: OriginAnswer, from: Exchange['from'], more: Partial<Exchange> = {}): Exchange => ({
  origin,
  from,
  ...more,
});

/** The origin's answer is given again. */
export const reused = (headers: Headers, more: Partial<OriginAnswer> = {}): [Exchange, Exchange] => [
  get({ headers, ...more }, 'origin'),
  get({}, 'cache', { ...(more.status ? { status: more.status } : {}) }),
];

/** The origin is asked again. */
export const notReused = (headers: Headers, more: Partial<OriginAnswer> = {}): [Exchange, Exchange] => [
  get({ headers, ...more }, 'origin'),
  get({ headers, ...more }, 'origin'),
];

/** Runs the rows through examples/reverse-proxy in front of a scripted origin. */
export function conforms(rows: readonly Row[]): void {
  const file = redisForFile();
  let origin: Awaited<ReturnType<typeof startScriptedOrigin>>;
  let proxy: string;
  beforeAll(async () => {
    origin = await startScriptedOrigin();
    const app = createProxy(origin.url, {
      redis: file.redis,
      logger: quiet,
      timeoutMs: 2000,
      targetedHeader: 'Toolkit-Cache-Control',
    });
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return () => server.close();
  });
  afterAll(() => origin.close());

  for (const [number, [section, rule, ...exchanges]] of rows.entries()) {
    test(`${section}: ${rule}`, async () => {
      const path = `/${number}`;
      for (const [step, exchange] of exchanges.entries()) {
        origin.script(path, [exchange.origin ?? {}]);
        const before = origin.received(path).length;
        const reply = await ask(proxy, path, exchange.ask);
        const received = origin.received(path).slice(before);
        const is =
          received.length === 0
            ? 'cache'
            : isValidation(received[0]!.headers, exchange)
              ? 'validation'
              : 'origin';
        expect(is, `answer ${step + 1}`).toBe(exchange.from);
        matches(reply, exchange);
        if (exchange.asked) expect(received[0]?.headers).toMatchObject(exchange.asked);
      }
    });
  }
}

function isValidation(headers: Record<string, unknown>, { ask }: Exchange): boolean {
  const own = new Set(Object.keys(ask?.headers ?? {}).map((name) => name.toLowerCase()));
  return ['if-none-match', 'if-modified-since'].some((name) => headers[name] !== undefined && !own.has(name));
}

function matches(reply: Reply, { status, headers = {}, body }: Exchange): void {
  if (status !== undefined) expect(reply.status).toBe(status);
  if (body !== undefined) expect(reply.body.toString()).toBe(body);
  for (const [name, value] of Object.entries(headers)) {
    const actual = reply.headers[name.toLowerCase()];
    if (value instanceof RegExp) expect(actual, name).toMatch(value);
    else expect(actual, name).toBe(value);
  }
}
