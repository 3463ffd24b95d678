import type { Fields } from '../../src/http/fields.js';
import type { Arrived } from '../../src/http/freshness.js';

/** `Date` and `Age` of a response that refreshes another; a 304 without them was made now. */
export function dateAndAge({ fields, receivedAt }: Arrived): Fields {
  const date = fields.date ?? new Date(receivedAt).toUTCString();
  return fields.age === undefined ? { date } : { date, age: fields.age };
}
