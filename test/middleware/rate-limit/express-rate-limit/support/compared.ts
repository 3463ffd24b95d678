import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import * as peer from 'express-rate-limit';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { rateLimit } from '../../../../../middleware/rate-limit/rate-limit.js';
import { quiet, serve } from '../../../support/redis-for-file.js';

/** A limiter and requests of one client, to run on express-rate-limit and on ours. */
export interface Scene {
  readonly options?: object;
  readonly prepare?: (app: Express) => void;
  /** The paths to request; GET unless a method stands in front. `?status=404` is what the handler answers with. */
  readonly asks?: readonly string[];
  readonly fields?: Readonly<Record<string, string>>;
}

// Long, so that no time that passes between two requests is seen in a header.
const HOUR = 3_600_000;
const FIELDS = ['ratelimit', 'ratelimit-policy', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'];
const LEGACY_FIELDS = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'retry-after'];
let scenes = 0;

/** Expects the same answers from both: status, body, and every header field of the limit. */
export async function expectAlike(redis: Redis, scene: Scene): Promise<void> {
  const identifier = `scene-${process.pid}-${++scenes}`;
  const common = { windowMs: HOUR, limit: 1, identifier, logger: quiet, ...scene.options };
  const defaults = { algorithm: 'fixed-window', standardHeaders: false, legacyHeaders: true } as const;
  const ours = rateLimit({ redis, ...defaults, ...common });
  const theirs = peer.rateLimit(common as never);
  const answers = await play(theirs, scene);
  expect(await play(ours, scene)).toEqual(answers);
}

async function play(
  limiter: (req: Request, res: Response, next: NextFunction) => unknown,
  { prepare, asks = ['/', '/', '/'], fields = {} }: Scene,
): Promise<object[]> {
  const app = express();
  prepare?.(app);
  app.use(limiter, (req, res) => {
    const { limit, used, current, remaining, resetTime, key } = req.rateLimit ?? {};
    const reset = resetTime && Math.round((resetTime.getTime() - Date.now()) / 60_000);
    res.status(Number(req.query.status ?? 200)).json({ limit, used, current, remaining, reset, key });
  });
  app.use((error: Error, _req: Request, res: Response, _next: NextFunction) => {
    res.status(500).json(error.message);
  });
  const url = await serve(app);
  const answers = [];
  for (const ask of asks) {
    const [path = '', method = 'GET'] = ask.split(' ').reverse();
    const response = await fetch(url + path, { method, headers: fields });
    const shown = [...FIELDS, ...LEGACY_FIELDS].map((name) => [name, comparable(response.headers.get(name))]);
    const type = response.headers.get('content-type')?.replace('text/html', 'text/plain');
    answers.push({
      status: response.status,
      text: await response.text(),
      type,
      ...Object.fromEntries(shown),
    });
  }
  return answers;
}

// Times in minutes; the same structured fields with and without spaces; and without the name of the partition.
function comparable(value: string | null): string | undefined {
  return value
    ?.replace(/\d{10}/, (at) => String(Number(at) - Math.floor(Date.now() / 1000)))
    .replace(/\d{4,}/g, (seconds) => `${Math.round(Number(seconds) / 60)} min`)
    .replace(/;\s+/g, ';')
    .replace(/pk=:.*?:/g, 'pk');
}
