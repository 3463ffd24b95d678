import { ToolkitError } from '../../src/errors.js';
import { isThenable } from '../../src/settle.js';

/** The error for a function among the options that returned an unusable value. It never shows the value itself. */
export function resultError(option: string, demand: string, result: unknown, suffix = ''): ToolkitError {
  return new ToolkitError(
    'OPTION_INVALID',
    `session: option "${option}" must return ${demand}, not ${kindOf(result)}${suffix}`,
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
    `session.${method}: argument "${argument}" must be ${demand}, not ${kindOf(value)}`,
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

function kindOf(value: unknown): string {
  if (isThenable(value)) {
    // The error reports the misuse. An unhandled rejection would end the process as well.
    Promise.resolve(value).catch(() => undefined);
    return 'a promise: it is called synchronously, so load the value beforehand';
  }
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value === '') return 'an empty string';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
