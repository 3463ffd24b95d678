import type { Response } from 'express';

/**
 * Moves the arguments of `res.writeHead` into the response's status and headers, where a middleware that waits for
 * the head can see and change them. Node keeps them apart, and would let them replace a Set-Cookie made since.
 */
export function applyHead(res: Response, [status, ...rest]: unknown[]): void {
  res.statusCode = status as number;
  if (rest.length === 0) return;
  if (typeof rest[0] === 'string') res.statusMessage = rest[0];
  const headers = typeof rest[0] === 'string' ? rest[1] : (rest[0] ?? rest[1]);
  if (Array.isArray(headers)) {
    const pairs = Array.isArray(headers[0]) ? (headers as [string, string][]) : pairUp(headers as string[]);
    for (const name of new Set(pairs.map(([name]) => name))) res.removeHeader(name);
    for (const [name, value] of pairs) res.appendHeader(name, value);
  } else {
    for (const [name, value] of Object.entries((headers ?? {}) as Record<string, string>)) {
      if (value !== undefined) res.setHeader(name, value);
    }
  }
}

function pairUp(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[i * 2]!, flat[i * 2 + 1]!]);
}
