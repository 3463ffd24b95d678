import { isThenable } from './settle.js';

/** Describes a value by its kind, for errors that must not show the value itself. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value === '') return 'an empty string';
  if (isThenable(value)) return 'a promise';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** A name that somebody gave, for an error: a text as it is, anything else by its kind. Not every value can be a text. */
export const givenName = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : kindOf(value);
