/** Header fields by lower-case name; several lines of one field as a list, in their order. */
export type Fields = Readonly<Record<string, string | readonly string[]>>;

/** The lines of a field; none when it is absent. */
export function linesOf(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** A field's whole value: several lines are one list (RFC 9110 §5.3). */
export function combined(fields: Fields, name: string): string | undefined {
  const lines = linesOf(fields, name);
  return lines.length === 0 ? undefined : lines.join(', ');
}

const MEMBER = /(?:"(?:[^"\\]|\\.)*"?|[^,"])+/g;

/** The members of a list (RFC 9110 §5.6.1): a comma inside a quoted string separates nothing. */
export function splitList(value: string): string[] {
  return (value.match(MEMBER) ?? []).map((member) => member.trim()).filter((member) => member !== '');
}

export function namesIn(fields: Fields, name: string): string[] {
  return splitList(combined(fields, name) ?? '').map((member) => member.toLowerCase());
}

/** A non-negative integer (RFC 9111 §1.2.2), or NaN. Larger numbers count as 2^31. */
export function deltaSeconds(text: string | undefined): number {
  return /^\d+$/.test(text ?? '') ? Math.min(Number(text), 2 ** 31) : Number.NaN;
}
