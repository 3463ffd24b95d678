import type { OutgoingHttpHeaders } from 'node:http';
import type { Response } from 'express';
import type { Fields } from '../src/http/fields.js';

/**
 * The fields that a handler set, without those that middlewares before it set for this request alone (the limiter's
 * counts, a request id): they are set for every request anyway.
 */
export function handlersFields(res: Response, before: OutgoingHttpHeaders): Fields {
  const own: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(res.getHeaders())) {
    if (value === undefined || before[name] === value) continue;
    own[name] = Array.isArray(value) ? value.map(String) : String(value);
  }
  return own;
}

/** Takes back what a handler set. */
export function resetFields(res: Response, before: OutgoingHttpHeaders): void {
  for (const name of res.getHeaderNames()) if (!(name in before)) res.removeHeader(name);
  for (const [name, value] of Object.entries(before)) if (value !== undefined) res.setHeader(name, value);
}

export function setFields(res: Response, fields: Fields): void {
  for (const [name, value] of Object.entries(fields)) res.setHeader(name, value as string | string[]);
}
