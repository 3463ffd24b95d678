import type { Request } from 'express';

/**
 * What the toolkit knows about one request. Each room of the middlewares declares its own fields with
 * `declare module '../request-state.js'`, next to the code that uses them.
 */
// biome-ignore lint/suspicious/noEmptyInterface: the rooms fill it
export interface RequestRecord {}

const record = Symbol('express-redis-toolkit.request');

type Carrier = { [record]?: RequestRecord };

/** The record of a request, made when first asked for. */
export function recordOf(req: Request): RequestRecord {
  const carrier = req as Carrier;
  carrier[record] ??= {};
  return carrier[record];
}
