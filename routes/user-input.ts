import { z } from 'zod';

const LIMIT = 'must be a whole number from 1 to 100';
const CURSOR = 'must be the `next` of an earlier page';

// PostgreSQL's text cannot hold NUL, and no other control character belongs into a name.
const name = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^\P{Cc}*$/u, 'must not contain control characters');
const email = z.string().trim().max(254).pipe(z.email());

export const userId = z.strictObject({ id: z.uuid('must be a UUID').toLowerCase() });

export const newUser = z.strictObject({ email, name, password: z.string().min(8).max(200).optional() });

export const userChanges = z
  .strictObject({ email: email.optional(), name: name.optional() })
  .refine((changes) => Object.keys(changes).length > 0, {
    error: 'must have `email`, `name` or both',
    when: ({ issues }) => issues.length === 0,
  });

export const credentials = z.strictObject({ email: z.string().max(254), password: z.string().max(200) });

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
