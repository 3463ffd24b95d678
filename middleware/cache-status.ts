import type { Response } from 'express';
import { serializeList, Token } from 'structured-headers';

type Parameters = Readonly<Record<string, string | number | boolean>>;

const CACHE_NAME = new Token('toolkit');

/** `Cache-Status` (RFC 9211). Strings become tokens, as the RFC has them for `fwd`; undefined is left out. */
export function setCacheStatus(res: Response, parameters: Parameters): void {
  const given = Object.entries(parameters).map(
    ([name, value]) => [name, typeof value === 'string' ? new Token(value) : value] as const,
  );
  const own = serializeList([[CACHE_NAME, new Map(given)]]);
  // A cache nearer to the origin has spoken first.
  const earlier = res.getHeader('Cache-Status');
  res.setHeader('Cache-Status', earlier === undefined ? own : `${String(earlier)}, ${own}`);
}
