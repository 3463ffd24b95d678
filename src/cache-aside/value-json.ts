import { types } from 'node:util';
import { ToolkitError, tooLarge } from '../errors.js';

// JSON.stringify would drop their content, or turn them into null, without an error.
const LOSING = [
  types.isMap,
  types.isSet,
  types.isWeakMap,
  types.isWeakSet,
  types.isPromise,
  types.isRegExp,
  types.isNativeError,
  types.isAnyArrayBuffer,
  types.isArrayBufferView,
  types.isGeneratorObject,
] as const;

/**
 * A value as JSON; undefined for undefined. Callers get the value from its JSON, whether or not it was cached, so that it
 * always has the same shape.
 *
 * @throws ToolkitError `CACHE_VALUE_NOT_JSON`, `CACHE_VALUE_TOO_LARGE`
 */
export function valueJson(key: string, value: unknown, maxBytes: number): string | undefined {
  if (value === undefined) return undefined;
  const json = stringified(key, value);
  const bytes = Buffer.byteLength(json);
  if (bytes <= maxBytes) return json;
  throw tooLarge('CACHE_VALUE_TOO_LARGE', `cacheAside: the value of "${key}"`, {
    bytes,
    maxBytes,
    advice: 'cache parts of it, or raise maxValueBytes',
  });
}

function stringified(key: string, value: unknown): string {
  const check = (name: string, part: unknown): unknown => {
    const kind = lossOf(part);
    if (kind) throw notJson(key, `it contains ${kind}${name === '' ? '' : ` in "${name}"`}`);
    return part;
  };
  let json: string | undefined;
  try {
    json = JSON.stringify(value, check);
  } catch (error) {
    if (error instanceof ToolkitError) throw error;
    // A circle, or a `toJSON` that threw.
    throw notJson(key, (error as Error).message, error);
  }
  if (json === undefined) throw notJson(key, 'its toJSON returned undefined');
  return json;
}

/** What JSON would lose in a part of a value; undefined when it loses nothing. */
function lossOf(part: unknown): string | undefined {
  if (typeof part === 'function' || typeof part === 'symbol' || typeof part === 'bigint')
    return `a ${typeof part}`;
  if (typeof part === 'number') return Number.isFinite(part) ? undefined : `the number ${part}`;
  if (typeof part !== 'object' || part === null) return undefined;
  return LOSING.some((isLosing) => isLosing(part)) ? `a ${part.constructor?.name ?? 'object'}` : undefined;
}

function notJson(key: string, why: string, cause?: unknown): ToolkitError {
  const message = `cacheAside: the value of "${key}" cannot be represented as JSON: ${why}. Convert it before it is cached`;
  return new ToolkitError('CACHE_VALUE_NOT_JSON', message, cause === undefined ? undefined : { cause });
}
