import { isUnavailable } from '../errors.js';

/**
 * While Redis is away `get` finds nothing, and `getOrLoad` loads the value, once for all callers of this process, and does
 * not store it: nobody knows whether it was invalidated.
 */
export async function unlessAway<Answer>(answer: Promise<Answer>): Promise<Answer | 'away'> {
  try {
    return await answer;
  } catch (error) {
    if (isUnavailable(error)) return 'away';
    throw error;
  }
}
