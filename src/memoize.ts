import { RecentMap } from './recent-map.js';

// Texts that come again and again are short. A longer one may be made up by a client.
const LONGEST_TEXT = 256;

/** Makes a pure function of a text keep its latest results. */
export function memoize<Result extends NonNullable<unknown>>(
  size: number,
  work: (text: string) => Result,
): (text: string) => Result {
  const results = new RecentMap<Result>(size);
  return (text) => {
    const known = results.get(text);
    if (known !== undefined) return known;
    const result = work(text);
    if (text.length <= LONGEST_TEXT) results.set(text, result);
    return result;
  };
}
