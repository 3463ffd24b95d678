import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import express, { type Request, type RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../middleware/cache/cache-response.js';
import { quiet, redisForFile, serve } from '../middleware/support/redis-for-file.js';

type Headers = Readonly<Record<string, string | readonly string[]>>;

/** One request of a row, how the origin answers it, and what the client must get. Plain data. */
export interface Exchange {
  /** GET when it is not named. */
  readonly method?: string;
  readonly path: string;
  /** `a.test` when it is not named. */
  readonly host?: string;
  /** `https` when it is not named. */
  readonly scheme?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: string;
  /** The origin's answer: 200 and its default body when nothing else is named. */
  readonly origin?: { readonly status?: number; readonly headers?: Headers; readonly body?: string };
  /** Requests that are made and answered while the origin works on this one. */
  readonly meanwhile?: readonly Exchange[];
  readonly from: 'origin' | 'cache';
  /** 200 when it is not named. */
  readonly status?: number;
  /** Fields of the answer; null: the field is absent. */
  readonly sent?: Readonly<Record<string, string | null>>;
  readonly body?: string;
  /** Fields of the request that reached the origin; null: the field is absent. */
  readonly asked?: Readonly<Record<string, string | null>>;
}

export interface Row {
  /** The number of the case in the standard's brief, or the section. */
  readonly section: string;
  readonly says: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly exchanges: readonly Exchange[];
}

/** Runs the rows of a standard, each with entries of its own, through `cacheResponse` in front of a scripted origin. */
export function conformsTo(rows: readonly Row[], parse: readonly RequestHandler[] = []): void {
  const file = redisForFile();
  for (const [number, { section, says, options, exchanges }] of rows.entries()) {
    test(`${section}: ${says}`, async () => {
      const origin = scriptedHandler();
      const app = express().set('trust proxy', true).set('case sensitive routing', true);
      const common = { redis: file.redis, logger: quiet, timeoutMs: 2000, prefix: `row-${number}:` };
      app.use(cacheResponse({ ...common, ...options }), ...parse, origin.handle);
      const url = await serve(app);
      for (const exchange of exchanges) await origin.perform(url, exchange);
    });
  }
}

function scriptedHandler() {
  const scripts: { exchange: Exchange; asked?: Readonly<Record<string, unknown>> }[] = [];
  let url = '';

  const perform = async (at: string, exchange: Exchange): Promise<void> => {
    url = at;
    const script = scripts[scripts.push({ exchange }) - 1]!;
    const reply = await ask(at, exchange, scripts.indexOf(script));
    const label = JSON.stringify(exchange);
    expect(script.asked ? 'origin' : 'cache', label).toBe(exchange.from);
    expect(reply.status, label).toBe(exchange.status ?? 200);
    if (exchange.body !== undefined) expect(reply.body, label).toBe(exchange.body);
    hasFields(reply.headers, exchange.sent, label);
    hasFields(script.asked ?? {}, exchange.asked, label);
  };

  const handle: RequestHandler = async (req, res) => {
    const script = scripts[Number(req.headers['x-exchange'])]!;
    script.asked = { ...req.headers };
    const content = await contentOf(req);
    expect(content, 'the content that reached the origin').toBe(script.exchange.content ?? '');
    for (const exchange of script.exchange.meanwhile ?? []) await perform(url, exchange);
    const { status = 200, headers = {}, body = '0123456789' } = script.exchange.origin ?? {};
    for (const [name, value] of Object.entries(headers))
      res.setHeader(name, typeof value === 'string' ? value : [...value]);
    res.writeHead(status).end(status === 304 || status === 204 ? undefined : body);
  };
  return { perform, handle };
}

// What a parser in front of the handler has left, or the content itself.
async function contentOf(req: Request): Promise<string> {
  const body: unknown = req.body;
  if (typeof body === 'string') return body;
  return (await buffer(req)).toString();
}

function hasFields(
  actual: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, string | null>> = {},
  label: string,
): void {
  for (const [name, value] of Object.entries(expected))
    expect(actual[name.toLowerCase()] ?? null, `${name} of ${label}`).toBe(value);
}

function ask(url: string, { method = 'GET', path, content, ...exchange }: Exchange, number: number) {
  const { host = 'a.test', scheme = 'https', headers } = exchange;
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const fields = {
        Host: host,
        'X-Forwarded-Proto': scheme,
        'X-Exchange': String(number),
        ...(content !== undefined &&
          !headers?.['Transfer-Encoding'] && { 'Content-Length': Buffer.byteLength(content) }),
        ...headers,
      };
      const sent = request(url, { path, method, headers: fields, agent: false }, (res) => {
        buffer(res).then(
          (body) => resolve({ status: res.statusCode!, headers: res.headers, body: body.toString() }),
          reject,
        );
      });
      sent.on('error', reject).end(content);
    },
  );
}
