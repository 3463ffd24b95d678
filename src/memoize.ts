import { LRUCache } from 'lru-cache';

// What clients make up may be long; what comes again and again is not.
const LONGEST_TEXT = 256;

/** A pure function of a text that keeps its latest results. */
export function remembered<Result extends NonNullable<unknown>>(
  max: number,
  work: (text: string) => Result,
): (text: string) => Result {
  const results = new LRUCache<string, Result>({ max });
  return (text) => {
    const known = results.get(text);
    if (known !== undefined) return known;
    const result = work(text);
    if (text.length <= LONGEST_TEXT) results.set(text, result);
    return result;
  };
}
