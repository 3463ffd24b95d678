import type { InspectedEntry } from '../cache/index.js';
import { notUrlIn } from '../tags/index.js';
import { UsageError } from './arguments.js';
import { type Command, NotConfirmed } from './context.js';
import { shortTime } from './output.js';

export const showEntry: Command = async ([entry], { operations }) => {
  if (!entry)
    throw new UsageError('name a URL with its origin, e.g. https://example.com/users/7, or an own key');
  const entries = await operations.cache.inspect(entry);
  return {
    json: entries,
    lines: entries.length > 0 ? entries.flatMap(entryLines) : ['Nothing is stored there.'],
    exitCode: entries.length > 0 ? 0 : 1,
  };
};

export const purge: Command = async (_words, { operations, options, confirm, act }) => {
  const { tag: tags, url: urls, key: keys, all } = options;
  const names = [...tags, ...urls, ...keys];
  if (all === names.length > 0) throw new UsageError('give --tag, --url or --key, or --all for everything');
  if (names.includes('')) throw new UsageError('--tag, --url and --key must not be empty');
  const notUrl = notUrlIn(urls);
  if (notUrl !== undefined)
    throw new UsageError(`--url: "${notUrl}" is neither a path that begins with / nor a whole URL`);
  const prompt = all ? 'Purge everything that is cached?' : `Purge ${names.length} tags, URLs and keys?`;
  if ((all || names.length > 1) && !(await confirm(prompt))) throw new NotConfirmed();
  if (all) {
    await act('cache/clear', {}, () => operations.cache.clear());
    return { json: { cleared: true }, lines: ['Everything was purged.'] };
  }
  const tagsInvalidated = await act('cache/purge', { tags, urls, keys }, () =>
    operations.cache.purge({ tags, urls, keys }),
  );
  return { json: { tagsInvalidated }, lines: [`${tagsInvalidated} tags were invalidated.`] };
};

function entryLines(entry: InspectedEntry): string[] {
  const { key, status, bodyBytes, ageSeconds, freshForSeconds, keptForSeconds, tags, reasons, fields } =
    entry;
  const fresh =
    freshForSeconds > 0
      ? `fresh for ${shortTime(freshForSeconds * 1000)}`
      : `stale for ${shortTime(-freshForSeconds * 1000)}`;
  return [
    key,
    `  status ${status}, ${bodyBytes} bytes, age ${shortTime(ageSeconds * 1000)}, ${fresh}, kept for ${shortTime(keptForSeconds * 1000)}`,
    `  ${reasons.length === 0 ? 'is served' : `is not served: ${reasons.join('; ')}`}`,
    ...tags.map(({ tag, isCurrent }) => `  tag ${tag}${isCurrent ? '' : ' (invalidated)'}`),
    ...Object.entries(fields).map(([name, value]) => `  ${name}: ${String(value)}`),
  ];
}
