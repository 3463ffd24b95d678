import { type InnerList, type Item, parseDictionary, serializeDictionary } from 'structured-headers';
import { memoize } from '../memoize.js';
import { combined, type Fields } from './fields.js';

// draft-ietf-httpbis-no-vary-search-10 sets no limits. Beyond these, a URL is compared exactly.
const LONGEST_FIELD = 4_096;
const MOST_NAMES = 128;
const MOST_PAIRS = 1_024;

/** Which query parameters make a response another one (the draft's URL variation config). */
export interface SearchVariance {
  /** Only these matter, or all but these. */
  readonly kind: 'only' | 'all but';
  readonly names: ReadonlySet<string>;
  /** Whether the order of parameters with different names matters. */
  readonly isOrdered: boolean;
  /** The same text for the same variance. */
  readonly canonical: string;
}

/** What `No-Vary-Search` of a response says; undefined when it says nothing, or is invalid: URLs are compared exactly then. */
export function searchVarianceOf(response: Fields): SearchVariance | undefined {
  const field = combined(response, 'no-vary-search');
  return field === undefined || field.length > LONGEST_FIELD ? undefined : parsed(field).variance;
}

// A site sends few of them. One invalid member spoils the whole field: a false hit would be worse than a miss.
const parsed = memoize(1_000, (field): { readonly variance?: SearchVariance } => {
  try {
    const variance = varianceIn(field);
    return variance ? { variance } : {};
  } catch {
    return {};
  }
});

function varianceIn(field: string): SearchVariance | undefined {
  const members = parseDictionary(field);
  const keyOrder = members.has('key-order') ? members.get('key-order')![0] : false;
  if (typeof keyOrder !== 'boolean' || (members.has('params') && members.has('except'))) return undefined;
  const kind = members.has('except') ? 'only' : 'all but';
  const list = members.get('params') ?? members.get('except');
  const names = list === undefined ? new Set<string>() : listedNames(list as InnerList);
  const isExact = kind === 'all but' && names?.size === 0 && !keyOrder;
  if (!names || names.size > MOST_NAMES || isExact) return undefined;
  const canonical = JSON.stringify([kind, [...names].sort(), !keyOrder]);
  return { kind, names, isOrdered: !keyOrder, canonical };
}

function listedNames([items]: InnerList): Set<string> | undefined {
  if (!Array.isArray(items) || !items.every(([item]) => typeof item === 'string')) return undefined;
  return new Set(items.map(([item]) => decodedName(item as string)));
}

// The parser of `application/x-www-form-urlencoded`, in which a literal "&" or "=" would end the name.
function decodedName(name: string): string {
  const escaped = name.replace(/[&=]/g, encodeURIComponent);
  return [...new URLSearchParams(`n&${escaped}=`).keys()][1]!;
}

/**
 * The field that says that only these parameters matter, or all but these, in any order.
 *
 * @throws URIError for a name with half a surrogate pair
 */
export function noVarySearchOf(kind: SearchVariance['kind'], names: readonly string[]): string {
  const none = new Map();
  const list: InnerList = [names.map((name) => [encodeURIComponent(name), none]), none];
  const isOn: Item = [true, none];
  return serializeDictionary(
    new Map<string, InnerList | Item>([
      [kind === 'only' ? 'except' : 'params', list],
      ['key-order', isOn],
    ]),
  );
}

/**
 * A text that two queries have in common exactly when they are equivalent under a variance; undefined for a query of too
 * many parameters.
 */
export function searchUnder({ kind, names, isOrdered }: SearchVariance, query: string): string | undefined {
  // URLSearchParams takes one "?" off the beginning, which would be part of the first name.
  const all = new URLSearchParams(`?${query}`);
  if (all.size > MOST_PAIRS) return undefined;
  if (!isOrdered) all.sort();
  return JSON.stringify([...all].filter(([name]) => names.has(name) === (kind === 'only')));
}
