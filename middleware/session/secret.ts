import { KeyObject } from 'node:crypto';
import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import type { Check } from '../../src/read-options.js';

/** A key for `crypto.createHmac`. */
export type SessionSecret = string | NodeJS.ArrayBufferView | KeyObject;

const isSecret = (value: unknown): boolean =>
  (typeof value === 'string' && value.trim() !== '') ||
  (ArrayBuffer.isView(value) && value.byteLength > 0) ||
  (value instanceof KeyObject && value.type === 'secret');

/** One secret, or a list of secrets. */
export const aSessionSecret: Check = (value) =>
  [value].flat().length > 0 && [value].flat().every(isSecret)
    ? undefined
    : 'must be a non-empty string, Buffer or secret KeyObject, or a list of them';

/** The secrets of the option, or else the secret that was given to cookie-parser. */
export function secretsFor(
  req: Request,
  configured: readonly SessionSecret[] | undefined,
): readonly SessionSecret[] {
  if (configured) return configured;
  if (req.secret) return [req.secret].flat();
  throw new ToolkitError(
    'SESSION_SECRET_MISSING',
    'session: secret option required: option "secret" is missing, and no cookieParser(secret) runs before',
  );
}
