import { ToolkitError } from '../errors.js';

/**
 * Tags or URLs that code has given. A text alone is refused: it would count as a list of its letters.
 *
 * @throws ToolkitError `CACHE_TAGS_INVALID`
 */
export function namesGiven(where: string, names: unknown): readonly string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  // Nobody waits for what an async function returned: its failure would end the process.
  if (names instanceof Promise) names.catch(() => undefined);
  const said =
    typeof names === 'string'
      ? JSON.stringify(names)
      : Array.isArray(names)
        ? 'a list of other things'
        : String(names);
  throw new ToolkitError(
    'CACHE_TAGS_INVALID',
    `${where} ${said}: it takes a list of strings, e.g. ["user:7"]`,
  );
}
