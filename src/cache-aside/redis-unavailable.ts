import { isUnavailable } from '../errors.js';
import type { UnavailableNotices } from '../unavailable-notices.js';

/**
 * While Redis is away `get` finds nothing, and `getOrLoad` loads the value, once for all callers of this process, and does
 * not store it: nobody knows whether it was invalidated. A call reports this once, because it asks Redis nothing more.
 */
export async function unlessAway<Answer>(
  answer: Promise<Answer>,
  notices: UnavailableNotices,
): Promise<Answer | 'away'> {
  try {
    return await answer;
  } catch (error) {
    reportAway(error, notices);
    return 'away';
  }
}

/** @throws the error, unless it says that Redis is away */
export function reportAway(error: unknown, notices: UnavailableNotices): void {
  if (!isUnavailable(error)) throw error;
  notices.applied('bypass', 'values are loaded, and not cached', error);
}
