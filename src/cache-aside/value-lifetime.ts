import { ToolkitError } from '../errors.js';
import { kindOf } from '../kind-of.js';
import { LONGEST_SECONDS, type ValueSettings } from './options.js';

/** For how long a value is stored. */
export interface ValueLifetime {
  readonly ttlSeconds: number;
  readonly staleSeconds: number;
}

/**
 * The lifetime of a value by its options; undefined when its `ttlSeconds` says that it is not to be stored.
 *
 * @throws ToolkitError `OPTION_INVALID`; and what the option throws
 */
export async function storedLifetime<T>(
  key: string,
  value: T,
  { ttlSeconds, staleSeconds }: ValueSettings<T>,
): Promise<ValueLifetime | undefined> {
  if (typeof ttlSeconds === 'number') return { ttlSeconds, staleSeconds };
  const seconds: unknown = await ttlSeconds(value);
  if (typeof seconds !== 'number' || Number.isNaN(seconds) || seconds > LONGEST_SECONDS)
    throw wrongLifetime(key, seconds);
  return seconds > 0 ? { ttlSeconds: seconds, staleSeconds } : undefined;
}

function wrongLifetime(key: string, seconds: unknown): ToolkitError {
  const message = `cacheAside: the option "ttlSeconds" returned ${typeof seconds === 'number' ? seconds : kindOf(seconds)} for "${key}": return a number of seconds up to ${LONGEST_SECONDS}, or 0 for a value that is not to be cached`;
  return new ToolkitError('OPTION_INVALID', message);
}
