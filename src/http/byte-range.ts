const SINGLE = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/i;

export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The single range of a `Range` field in a body of this length (RFC 9110 §14.1.2). Undefined when the field is
 * malformed, in another unit, or asks for several ranges: it may be ignored then (§14.2).
 */
export function byteRange(
  field: string | undefined,
  length: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last, suffix] = SINGLE.exec(field?.replace(/\s/g, '') ?? '') ?? [];
  if (suffix !== undefined) {
    const wanted = Math.min(Number(suffix), length);
    return wanted === 0 ? 'unsatisfiable' : { first: length - wanted, last: length - 1 };
  }
  if (first === undefined) return undefined;
  const end = last ? Number(last) : Number.POSITIVE_INFINITY;
  if (end < Number(first)) return undefined;
  if (Number(first) >= length) return 'unsatisfiable';
  return { first: Number(first), last: Math.min(end, length - 1) };
}
