import type { Request } from 'express';

/**
 * The toolkit keeps here all that it knows about one request. Each room of the middlewares declares its own fields with
 * `declare module '../request-state.js'`, next to the code that uses them.
 */
// biome-ignore lint/suspicious/noEmptyInterface: the rooms fill it
export interface RequestState {}

const key = Symbol('express-redis-toolkit.request');

type Carrier = { [key]?: RequestState };

/** The state of a request, made when first asked for. */
export function stateOf(req: Request): RequestState {
  const carrier = req as Carrier;
  carrier[key] ??= {};
  return carrier[key];
}
