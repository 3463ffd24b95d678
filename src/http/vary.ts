import { createHash } from 'node:crypto';
import { combined, type Fields, namesIn, splitList } from './fields.js';

const PREFERENCES = new Set(['accept', 'accept-charset', 'accept-encoding', 'accept-language']);

/** The request fields that a response's `Vary` names, sorted; undefined for `*`, which no request matches (§4.1). */
export function varyNames(response: Fields): string[] | undefined {
  const names = namesIn(response, 'vary');
  return names.includes('*') ? undefined : [...new Set(names)].sort();
}

/**
 * A digest of the values of the named request fields. Differences without a meaning (white space around commas, the
 * order of preferences) do not change it. Only the digest is stored: cookies and credentials must not reach Redis.
 */
export function variantOf(names: readonly string[], request: Fields): string {
  const values = names.map((name) => [name, normalisedValue(name, combined(request, name))]);
  return createHash('sha256').update(JSON.stringify(values)).digest('base64url');
}

function normalisedValue(name: string, value: string | undefined): string | null {
  if (value === undefined) return null;
  const members = splitList(value);
  if (!PREFERENCES.has(name)) return members.join(',');
  return members
    .map((member) => preference(member.toLowerCase()))
    .sort()
    .join(',');
}

// `en` and `en;q=1.0` are the same preference.
function preference(member: string): string {
  const [what, ...parameters] = member.split(';').map((part) => part.trim());
  const weighed = parameters.filter((parameter) => !/^q=1(?:\.0*)?$/.test(parameter));
  return [what, ...weighed].join(';');
}
