/** The query parameters by which responses differ. */
export type QueryParams = ({ readonly allow: readonly string[] } | { readonly ignore: readonly string[] }) & {
  /** Tell the caches further down, browsers too, with `No-Vary-Search`. */
  readonly emit?: boolean;
};

/** The tag by which a cached response is purged by URL: path and query, whatever the host. */
export const urlTag = (url: string): string => tagOf(normalisedUrl(url));

/** Whether a tag is that of a URL or a path: `checkTags` keeps the namespace from application tags. */
export const isUrlTag = (tag: string): boolean => tag.startsWith('url:');

/** The tag of a response that several queries share; only the cache that stored it knows which queries. */
export const pathTag = (url: string): string => tagOf(pathAndQuery(url).split('?', 1)[0]!);

// Express routes `/Users/7`, `/users/7/`, `/users/7?` and `/users/%37` alike by default, so a purge of one has to reach
// the others. The keys stay apart: a handler may tell the spellings apart. Where it does, a purge takes a little more
// than it must.
function tagOf(url: string): string {
  const start = url.indexOf('?');
  const path = withoutNeedlessEscapes(start < 0 ? url : url.slice(0, start));
  const query = start < 0 ? '' : sameQuery(url.slice(start + 1));
  return `url:${withoutSlashesAtEnd(path.toLowerCase())}${query && '?'}${query}`;
}

// A query parser reads `+` as a space.
function sameQuery(query: string): string {
  const plain = withoutNeedlessEscapes(query).replaceAll('+', '%20');
  return plain.includes('&') ? plain.replace(/^&+|&+$|(?<=&)&+/g, '') : plain;
}

// Not a regular expression: it would try each slash of a path of many, which takes the square of their number.
function withoutSlashesAtEnd(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

/** The tags by which every response of a URL is purged. */
export const purgedUrlTags = (url: string): string[] => [...new Set([urlTag(url), pathTag(url)])];

const DIVIDERS = new Set('%/?#&=+');
const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^/?]*/i;

/**
 * The part of a URL that routers see. A request may come in absolute form (RFC 9112 §3.2.2), and Node lets a fragment
 * through. Handlers read the host from the Host field, not from here.
 */
export function pathAndQuery(url: string): string {
  if (url.startsWith('/') && !url.includes('#')) return url;
  const target = url.split('#', 1)[0]!.replace(ORIGIN, '');
  return target === '' || target.startsWith('?') ? `/${target}` : target;
}

/** Path and query of the URL with its query parameters sorted by name, and without those that do not count. */
export const normalisedUrl = (given: string, params?: QueryParams): string =>
  // A stable sort: the order of values of one name may mean something.
  withPairs(given, params, (pairs) => pairs.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name))));

/** Path and query of the URL without the parameters that do not count; the others keep their order. */
export const countingUrl = (given: string, params?: QueryParams): string =>
  params ? withPairs(given, params, (pairs) => pairs) : pathAndQuery(given);

interface NamedPair {
  readonly pair: string;
  readonly name: string;
}

function withPairs(
  given: string,
  params: QueryParams | undefined,
  ordered: (pairs: NamedPair[]) => NamedPair[],
): string {
  const url = pathAndQuery(given);
  const start = url.indexOf('?');
  if (start < 0) return url;
  const path = url.slice(0, start);
  const named = url
    .slice(start + 1)
    .split('&')
    .map((pair) => ({ pair, name: decoded(pair.split('=', 1)[0]!) }));
  const counting = params ? named.filter(({ name }) => counts(name, params)) : named;
  if (counting.length === 0) return path;
  return `${path}?${ordered(counting)
    .map(({ pair }) => pair)
    .join('&')}`;
}

// Routers decode what a parameter holds: `/users/a%40b` and `/users/a@b` are one user, and clients send both. What would
// divide the URL elsewhere stays escaped. The keys stay apart, because routers tell the spellings of a path apart, and an
// error under one must not answer the other.
function withoutNeedlessEscapes(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(/%[\da-f]{2}/gi, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return /[!-~]/.test(character) && !DIVIDERS.has(character) ? character : escaped.toUpperCase();
  });
}

function counts(name: string, params: QueryParams): boolean {
  if ('ignore' in params) return !params.ignore.includes(name);
  // The extended parser reads `page[]=2` and `[page]=2` into `page`.
  const base = name.split(/[[\]]/).find((part) => part !== '');
  return params.allow.includes(name) || params.allow.includes(base ?? '');
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}
