import { KeyObject } from 'node:crypto';
import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import type { Check } from '../../src/read-options.js';

/** What `crypto.createHmac` takes as a key. */
export type SessionSecret = string | NodeJS.ArrayBufferView | KeyObject;

const isSecret = (value: unknown): boolean =>
  (typeof value === 'string' && value !== '') ||
  (ArrayBuffer.isView(value) && value.byteLength > 0) ||
  (value instanceof KeyObject && value.type === 'secret');

/** One secret, or a list of them. */
export const aSessionSecret: Check = (value) =>
  [value].flat().length > 0 && [value].flat().every(isSecret)
    ? undefined
    : 'must be a non-empty string, Buffer or secret KeyObject, or a list of them';

/** The option's secrets, or the one that cookie-parser was given. */
export function secretsFor(
  req: Request,
  configured: readonly SessionSecret[] | undefined,
): readonly SessionSecret[] {
  if (configured) return configured;
  if (req.secret) return [req.secret].flat();
  throw new ToolkitError(
    'SESSION_SECRET_MISSING',
    'session: option "secret" is missing, and no cookieParser(secret) runs before',
  );
}
