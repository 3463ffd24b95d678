import type { OutgoingHttpHeaders } from 'node:http';
import type { Response } from 'express';

// RFC 9110 §7.6.1: they speak of one connection. The rest is made anew for every response.
const NEVER_STORED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'age',
  'date',
  'cache-status',
  'content-length',
  'set-cookie',
]);

/**
 * The headers that a handler set, without those that middlewares before it set for this request alone (the
 * limiter's counts, a request id): they are set for every request anyway.
 */
export function ownHeaders(res: Response, before: OutgoingHttpHeaders): Record<string, string | string[]> {
  const named = String(res.getHeader('connection') ?? '').toLowerCase();
  const hopByHop = new Set(named.split(',').map((name) => name.trim()));
  const own: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(res.getHeaders())) {
    if (value === undefined || NEVER_STORED.has(name) || hopByHop.has(name) || before[name] === value)
      continue;
    own[name] = Array.isArray(value) ? value : String(value);
  }
  return own;
}
