import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { kindOf } from '../../src/kind-of.js';
import { sessionUserOf } from '../session/index.js';
import type { IdempotentSettings } from './options.js';

/** The client that a key belongs to, as a text that no other kind of client has; undefined when nobody is known. */
export async function scopeOf(
  req: Request,
  { scope, anonymous }: IdempotentSettings,
): Promise<string | undefined> {
  const client: unknown = scope ? await scope(req) : sessionUserOf(req);
  if (client === undefined || client === null || client === '') return anonymous ? 'anonymous' : undefined;
  if (typeof client === 'string') return `client ${client}`;
  if (typeof client === 'bigint' || (typeof client === 'number' && Number.isFinite(client)))
    return `client ${client}`;
  throw new ToolkitError(
    'IDEMPOTENCY_SCOPE_INVALID',
    `idempotent: the function "scope" returned ${kindOf(client)}; it must return a text, a number, a bigint or undefined`,
  );
}

/** The route of a request: a key that is used again for `/orders/2` instead of `/orders/1` is noticed under its pattern. */
export function routeOf({ baseUrl, route, path }: Request): string {
  const pattern: unknown = (route as { path?: unknown } | undefined)?.path;
  return `${baseUrl}${typeof pattern === 'string' ? pattern : path}`;
}
