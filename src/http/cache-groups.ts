import { parseList } from 'structured-headers';
import { combined, type Fields } from './fields.js';

/** RFC 9875 §2 asks for 32 groups at least. Each one is a key in Redis. */
export const MOST_GROUPS = 128;

/**
 * The groups that `Cache-Groups` or `Cache-Group-Invalidation` names (RFC 9875): a List of Strings, each once. Undefined
 * for anything else, even if one member only is no String: the whole field counts for nothing then (RFC 9651 §4.2).
 */
export function groupsIn(fields: Fields, name: string): readonly string[] | undefined {
  const value = combined(fields, name);
  if (value === undefined) return [];
  try {
    const groups = new Set<string>();
    for (const [group] of parseList(value)) {
      if (typeof group !== 'string') return undefined;
      groups.add(group);
    }
    return [...groups];
  } catch {
    return undefined;
  }
}
