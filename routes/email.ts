/**
 * The one spelling of an email by which a person is known, to the limits on logins and to the database alike: no blanks
 * around it, and its ASCII letters in lower case, as PostgreSQL's `lower(email COLLATE "C")` has them. Lower case beyond
 * ASCII depends on who is asked: İ (U+0130) is `i` for PostgreSQL in many locales, and two characters in JavaScript.
 */
export function oneSpelling(email: string): string {
  return email.trim().replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
