import { ToolkitError } from '../errors.js';
import { kindOf } from '../kind-of.js';
import { ignoreRejection } from '../settle.js';

/**
 * Returns the tags or URLs that code has given, if they are a list of strings. A single string is refused: it would
 * count as a list of its letters.
 *
 * @throws ToolkitError `CACHE_TAGS_INVALID`
 */
export function checkNames(where: string, names: unknown): readonly string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  ignoreRejection(names);
  throw new ToolkitError(
    'CACHE_TAGS_INVALID',
    `${where} ${described(names)}: give a list of strings, e.g. ["user:7"]`,
  );
}

/** The first text that is neither a path nor a whole URL: it would purge nothing. */
export const notUrlIn = (urls: readonly string[]): string | undefined =>
  urls.find((url) => !url.startsWith('/') && !(/^https?:\/\//i.test(url) && URL.canParse(url)));

/**
 * Returns the URLs that code has given. Without its slash a path is none of any response, and nothing would be purged.
 *
 * @throws ToolkitError `CACHE_TAGS_INVALID`
 */
export function checkUrls(where: string, urls: unknown): readonly string[] {
  const names = checkNames(where, urls);
  const other = notUrlIn(names);
  if (other === undefined) return names;
  throw new ToolkitError(
    'CACHE_TAGS_INVALID',
    `${where} ${JSON.stringify(other)}: give URLs that begin with "/", e.g. ["/users/7"]`,
  );
}

// Begin the names of tags of the toolkit: everything, a URL, a cached value, a cache group.
const RESERVED = /^(?:\*$|url:|key:|group:|=)/;

/**
 * Returns the tags that code has given. A tag may hold text of a client: one that is named like a tag of the toolkit
 * (`*` for everything, `url:…`, `key:…`, `group:…`) gets a `=` in front, so that it stays a tag like any other.
 *
 * @throws ToolkitError `CACHE_TAGS_INVALID`
 */
export function checkTags(where: string, tags: unknown): readonly string[] {
  const names = checkNames(where, tags);
  return names.some((name) => RESERVED.test(name)) ? names.map(asOwnTag) : names;
}

/** A tag that no client can make a tag of the toolkit. */
export const asOwnTag = (name: string): string => (RESERVED.test(name) ? `=${name}` : name);

function described(names: unknown): string {
  if (typeof names === 'string') return JSON.stringify(names);
  return Array.isArray(names) ? 'a list with something other than strings in it' : kindOf(names);
}
