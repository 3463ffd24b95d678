import { types } from 'node:util';

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

/** Why a value cannot be represented as JSON without a loss. */
export class NotJson extends Error {}

/**
 * A value as JSON that has lost nothing of it; undefined for undefined.
 *
 * @throws NotJson
 */
export function wholeJson(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  let json: string | undefined;
  try {
    json = JSON.stringify(value, refuseLoss);
  } catch (error) {
    if (error instanceof NotJson) throw error;
    // A circle, or a `toJSON` that threw.
    throw new NotJson((error as Error).message, { cause: error });
  }
  if (json === undefined) throw new NotJson('its toJSON returned undefined');
  return json;
}

function refuseLoss(name: string, part: unknown): unknown {
  const kind = lossOf(part);
  if (kind) throw new NotJson(`it contains ${kind}${name === '' ? '' : ` in "${name}"`}`);
  return part;
}

/** What JSON would lose in a part of a value; undefined when it loses nothing. */
function lossOf(part: unknown): string | undefined {
  if (typeof part === 'function' || typeof part === 'symbol' || typeof part === 'bigint')
    return `a ${typeof part}`;
  if (typeof part === 'number') return Number.isFinite(part) ? undefined : `the number ${part}`;
  if (typeof part !== 'object' || part === null) return undefined;
  return LOSING.some((isLosing) => isLosing(part)) ? `a ${part.constructor?.name ?? 'object'}` : undefined;
}
