import type { OutgoingHttpHeaders } from 'node:http';
import type { Response } from 'express';
import type { Fields } from '../../src/http/fields.js';

const DECIDING = new Set(['cache-control', 'expires']);
// Say for whom a stored response is, and when it ends, whoever set them.
const ABOUT_STORED = new Set(['vary', 'cache-groups', 'no-vary-search']);

/** A response's fields as they are now. `appendHeader` adds to the lists that `getHeaders` gives out. */
export function headersNow(res: Response): OutgoingHttpHeaders {
  const now = res.getHeaders();
  for (const [name, value] of Object.entries(now)) if (Array.isArray(value)) now[name] = [...value];
  return now;
}

/**
 * The fields that a handler set, without those that middlewares before it set for this request alone (the limiter's
 * counts, a request id): they are set for every request anyway. Fields that decide about storing count whoever set
 * them. On an error they can only forbid it: a middleware that sets `Cache-Control` for all responses did not mean
 * failures.
 */
export function handlersFields(
  res: Response,
  before: OutgoingHttpHeaders,
  targets: readonly string[],
): Fields {
  const own: Record<string, string | readonly string[]> = {};
  let mayBeStored = true;
  for (const [name, value] of Object.entries(res.getHeaders())) {
    if (value === undefined) continue;
    const isDeciding = DECIDING.has(name) || targets.includes(name);
    const isFromBefore = isSame(before[name], value);
    if (isFromBefore && !isDeciding && !ABOUT_STORED.has(name)) continue;
    if (isFromBefore && isDeciding && res.statusCode >= 400) mayBeStored = false;
    own[name] = Array.isArray(value) ? value.map(String) : String(value);
  }
  if (mayBeStored) return own;
  for (const name of [...DECIDING, ...targets]) delete own[name];
  return { ...own, 'cache-control': 'no-store' };
}

function isSame(before: unknown, value: unknown): boolean {
  if (!Array.isArray(before) || !Array.isArray(value)) return before === value;
  return before.length === value.length && before.every((line, position) => line === value[position]);
}

/** Takes back the fields that a handler set. */
export function resetFields(res: Response, before: OutgoingHttpHeaders): void {
  for (const name of res.getHeaderNames()) if (!(name in before)) res.removeHeader(name);
  for (const [name, value] of Object.entries(before)) if (value !== undefined) res.setHeader(name, value);
}

/** Lists are copied: `appendHeader` adds to the list that was set, and these fields are those of other responses too. */
export function copyFields(res: Response, fields: Fields): void {
  for (const [name, value] of Object.entries(fields))
    res.setHeader(name, typeof value === 'string' ? value : [...value!]);
}
