import { ToolkitError, tooLarge } from '../errors.js';
import { type NotJson, wholeJson } from '../whole-json.js';

/**
 * A value as JSON; undefined for undefined. Callers get the value from its JSON, whether or not it was cached, so that it
 * always has the same shape.
 *
 * @throws ToolkitError `CACHE_VALUE_NOT_JSON`, `CACHE_VALUE_TOO_LARGE`
 */
export function valueJson(key: string, value: unknown, maxBytes: number): string | undefined {
  const json = stringified(key, value);
  const bytes = json === undefined ? 0 : Buffer.byteLength(json);
  if (bytes <= maxBytes) return json;
  throw tooLarge('CACHE_VALUE_TOO_LARGE', `cacheAside: the value of "${key}"`, {
    bytes,
    maxBytes,
    advice: 'cache parts of it, or raise maxValueBytes',
  });
}

function stringified(key: string, value: unknown): string | undefined {
  try {
    return wholeJson(value);
  } catch (error) {
    const { message, cause } = error as NotJson;
    const complaint = `cacheAside: the value of "${key}" cannot be represented as JSON: ${message}. Convert it before it is cached`;
    throw new ToolkitError('CACHE_VALUE_NOT_JSON', complaint, cause === undefined ? undefined : { cause });
  }
}
