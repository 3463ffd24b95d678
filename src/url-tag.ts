/** Which query parameters make a response another one. */
export type QueryParams = { readonly allow: readonly string[] } | { readonly ignore: readonly string[] };

/** The tag that a cached response has, so that it can be purged by URL: path and query, whatever the host. */
export const urlTag = (url: string): string => `url:${normalisedUrl(url)}`;

/** The tag of a response that several queries share. Which ones, only the cache that stored it knows. */
export const pathTag = (url: string): string => `url:${url.split('?', 1)[0]}`;

/** The tags by which every response of a URL is purged. */
export const purgedUrlTags = (url: string): string[] => [...new Set([urlTag(url), pathTag(url)])];

/** The URL with its query parameters sorted by name, and without those that do not count. */
export function normalisedUrl(url: string, params?: QueryParams): string {
  const start = url.indexOf('?');
  if (start < 0) return url;
  const path = url.slice(0, start);
  const named = url
    .slice(start + 1)
    .split('&')
    .map((pair) => ({ pair, name: decoded(pair.split('=', 1)[0]!) }));
  const counting = params ? named.filter(({ name }) => counts(name, params)) : named;
  if (counting.length === 0) return path;
  // A stable sort: the order of values of one name may mean something.
  counting.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  return `${path}?${counting.map(({ pair }) => pair).join('&')}`;
}

function counts(name: string, params: QueryParams): boolean {
  return 'allow' in params ? params.allow.includes(name) : !params.ignore.includes(name);
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}
