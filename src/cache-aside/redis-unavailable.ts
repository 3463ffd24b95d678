import { isUnavailable } from '../errors.js';
import type { FallbackReporter } from '../fallback-reporter.js';

/**
 * While Redis is away `get` finds nothing, and `getOrLoad` loads the value, once for all callers of this process, and does
 * not store it: nobody knows whether it was invalidated. A call reports this once, because it asks Redis nothing more.
 */
export async function unlessAway<Answer>(
  answer: Promise<Answer>,
  reporter: FallbackReporter,
): Promise<Answer | 'away'> {
  try {
    return await answer;
  } catch (error) {
    reportAway(error, reporter);
    return 'away';
  }
}

/** @throws the error, unless it says that Redis is away */
export function reportAway(error: unknown, reporter: FallbackReporter): void {
  if (!isUnavailable(error)) throw error;
  reporter.applied('bypass', 'values are loaded, and not cached', error);
}
