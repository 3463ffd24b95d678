import { ToolkitError } from '../../src/errors.js';
import { kindOf } from '../../src/kind-of.js';
import { ignoreRejection, isThenable } from '../../src/settle.js';

/** The error for a function among the options that returned an unusable value. It never shows the value itself. */
export function resultError(option: string, demand: string, result: unknown, suffix = ''): ToolkitError {
  return new ToolkitError(
    'OPTION_INVALID',
    `session: option "${option}" must return ${demand}, not ${describe(result)}${suffix}`,
  );
}

/** The error for an unusable argument of a method such as `session.list`. */
export function argumentError(
  method: string,
  argument: string,
  demand: string,
  value: unknown,
): ToolkitError {
  return new ToolkitError(
    'OPTION_INVALID',
    `session.${method}: argument "${argument}" must be ${demand}, not ${describe(value)}`,
  );
}

/** The user's id as text, or undefined for an unusable value. Ids of a database are often numbers; keys in Redis are text. */
export function userNameOf(user: unknown): string | undefined {
  if (typeof user === 'string') return user || undefined;
  return typeof user === 'bigint' || (typeof user === 'number' && Number.isFinite(user))
    ? String(user)
    : undefined;
}

export const A_USER = 'a non-empty string, a number or a bigint';

function describe(value: unknown): string {
  if (!isThenable(value)) return kindOf(value);
  ignoreRejection(value);
  return 'a promise: it is called synchronously, so load the value beforehand';
}
