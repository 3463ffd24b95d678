import { ToolkitError } from '../errors.js';

/**
 * Returns the tags or URLs that code has given, if they are a list of strings. A single string is refused: it would
 * count as a list of its letters.
 *
 * @throws ToolkitError `CACHE_TAGS_INVALID`
 */
export function checkNames(where: string, names: unknown): readonly string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  // Nobody awaits the promise of an async function: its rejection would end the process.
  if (names instanceof Promise) names.catch(() => undefined);
  throw new ToolkitError(
    'CACHE_TAGS_INVALID',
    `${where} ${described(names)}: give a list of strings, e.g. ["user:7"]`,
  );
}

function described(names: unknown): string {
  if (typeof names === 'string') return JSON.stringify(names);
  return Array.isArray(names) ? 'a list with something other than strings in it' : String(names);
}
