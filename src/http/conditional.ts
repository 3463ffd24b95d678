import { combined, type Fields, linesOf } from './fields.js';
import { parseHttpDate } from './http-date.js';

// An opaque-tag has no escapes. Unquoted tags are invalid, but clients send them, and their meaning is clear.
const ENTITY_TAG = /(?:W\/)?"[^"]*"|[^\s,]+/g;

const opaque = (tag: string) => tag.replace(/^W\//, '');

/** Whether a client's copy is current (RFC 9111 §4.3.2). `If-None-Match` goes before `If-Modified-Since`. */
export function isNotModified(request: Fields, stored: Fields): boolean {
  const noneMatch = combined(request, 'if-none-match');
  if (noneMatch !== undefined) {
    const etag = linesOf(stored, 'etag')[0];
    if (noneMatch.trim() === '*') return true;
    const asked = noneMatch.match(ENTITY_TAG) ?? [];
    return etag !== undefined && asked.some((tag) => opaque(tag) === opaque(etag));
  }
  const condition = combined(request, 'if-modified-since');
  if (condition === undefined) return false;
  const since = parseHttpDate(condition);
  // Without Last-Modified the Date serves (§4.3.2).
  const modified = parseHttpDate(linesOf(stored, 'last-modified')[0] ?? linesOf(stored, 'date')[0]);
  return modified <= since;
}

/** Whether the client's part belongs to this representation (RFC 9110 §13.1.5); a weak tag never proves it. */
export function rangeIsCurrent(request: Fields, stored: Fields): boolean {
  const condition = combined(request, 'if-range');
  if (condition === undefined) return true;
  if (condition.startsWith('W/')) return false;
  return condition === linesOf(stored, 'etag')[0] || condition === linesOf(stored, 'last-modified')[0];
}

/** The fields of a request by which a stored response is validated (RFC 9111 §4.3.1); none when it has no validator. */
export function validatorsOf(stored: Fields): Record<string, string> {
  const validators: Record<string, string> = {};
  const [etag] = linesOf(stored, 'etag');
  const [modified] = linesOf(stored, 'last-modified');
  if (etag !== undefined) validators['if-none-match'] = etag;
  if (modified !== undefined) validators['if-modified-since'] = modified;
  return validators;
}

/** Whether a 304, or the answer to a HEAD, is about the stored representation (RFC 9111 §4.3.4, §4.3.5). */
export function isSameRepresentation(update: Fields, stored: Fields): boolean {
  return ['etag', 'last-modified'].every(
    (name) => update[name] === undefined || linesOf(update, name)[0] === linesOf(stored, name)[0],
  );
}
