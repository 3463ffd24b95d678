import { parseItem } from 'structured-headers';

const LONGEST_KEY = 255;
const PRINTABLE = /^[\x20-\x7e]+$/;

export type KeySyntax = 'lenient' | 'strict';

/**
 * The key of a request, from its field `Idempotency-Key`: a structured-field String (RFC 9651), as the draft demands.
 * `lenient` also takes what most clients send, the bare text: `"k"` and `k` are one key. Undefined for a field that is
 * neither.
 *
 * @param lines the lines of the field
 */
export function keyOf(lines: readonly string[], syntax: KeySyntax): string | undefined {
  const [line, ...more] = lines;
  if (line === undefined || more.length > 0) return undefined;
  // Not trim(): it takes more than the white space of a field.
  const text = line.replace(/^[ \t]+|[ \t]+$/g, '');
  const key = quotedKey(text) ?? (syntax === 'lenient' ? bareKey(text) : undefined);
  return key !== undefined && PRINTABLE.test(key) && key.length <= LONGEST_KEY ? key : undefined;
}

// Parameters are ignored: the draft defines none.
function quotedKey(text: string): string | undefined {
  try {
    const [value] = parseItem(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

// A list or a broken string is no bare key.
const bareKey = (text: string): string | undefined => (/[",]/.test(text) ? undefined : text);
