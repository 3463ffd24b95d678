import { z } from 'zod';
import { oneSpelling } from './email.js';

const LIMIT = 'must be a whole number from 1 to 100';
const CURSOR = 'must be the `next` of an earlier page';

// PostgreSQL's text cannot hold NUL; scrypt takes a password with NULs at its end for the one without; and half a
// surrogate pair becomes U+FFFD in UTF-8, so that different passwords would be the same.
const text = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters or halves of surrogate pairs');
const name = text.trim().min(1).max(100);
const email = text.trim().max(254).pipe(z.email());

export const userId = z.strictObject({ id: z.uuid('must be a UUID').toLowerCase() });

export const newUser = z.strictObject({ email, name, password: text.min(8).max(200) });

export const userChanges = z
  .strictObject({ email: email.optional(), name: name.optional() })
  .refine((changes) => Object.keys(changes).length > 0, {
    error: 'must have `email`, `name` or both',
    when: ({ issues }) => issues.length === 0,
  });

export const credentials = z.strictObject({
  email: text.max(254).transform(oneSpelling),
  password: text.max(200),
});

export const page = z.strictObject({
  limit: z
    .string(LIMIT)
    .regex(/^([1-9]\d?|100)$/, LIMIT)
    .transform(Number)
    .default(20),
  after: z
    .string(CURSOR)
    .regex(/^\d{1,18}$/, CURSOR)
    .optional(),
});
