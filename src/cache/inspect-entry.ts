import type { Fields } from '../http/fields.js';
import { ageAt } from '../http/storing.js';
import { keys } from '../keys.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { tagVersions } from '../tags/index.js';
import { type Entry, isEntry } from './record.js';
import { cacheRecords, recordStore } from './record-store.js';

/** A tag of a stored response: whether it still has the version from before the handler ran. */
export interface InspectedTag {
  readonly tag: string;
  readonly isCurrent: boolean;
}

/** A stored response without its body, and why it is not served, if so; plain JSON. */
export interface InspectedEntry {
  readonly key: string;
  readonly status: number;
  readonly fields: Fields;
  readonly vary: readonly string[];
  readonly bodyBytes: number;
  readonly ageSeconds: number;
  readonly freshForSeconds: number;
  /** For how long Redis still keeps it. */
  readonly keptForSeconds: number;
  readonly tags: readonly InspectedTag[];
  /** Why a request would not be answered with it; empty when it would. */
  readonly reasons: readonly string[];
}

interface Where {
  readonly prefix: string;
  readonly timeoutMs: number;
}

/** The responses that are stored under an id: one, or one per variant. Changes nothing. */
export async function inspectEntries(
  redis: RedisClient,
  { prefix, timeoutMs }: Where,
  id: string,
): Promise<InspectedEntry[]> {
  const names = keys(prefix);
  const link = linkTo(redis);
  const versions = tagVersions(redis, { prefix, timeoutMs });
  const stored = recordStore(redis, versions, cacheRecords, { timeoutMs });
  const first = (await stored.read(names.cache(id)))?.record;
  if (!first) return [];
  if (isEntry(first)) return [await inspected(redis, { prefix, timeoutMs }, names.cache(id), first)];
  const variants = await link.send<string[]>('lrange', [names.cacheVariants(id), 0, -1], { timeoutMs });
  const found = await Promise.all(
    variants.map(async (variant) => {
      const key = names.cacheVariant(id, variant);
      const record = (await stored.read(key))?.record;
      return isEntry(record) ? inspected(redis, { prefix, timeoutMs }, key, record) : undefined;
    }),
  );
  return found.filter((entry) => entry !== undefined);
}

async function inspected(
  redis: RedisClient,
  { prefix, timeoutMs }: Where,
  key: string,
  entry: Entry,
): Promise<InspectedEntry> {
  const { head } = entry;
  const names = Object.keys(head.versions);
  // Versions name the server's run unless the cache was made with `onRestart: 'keep'`.
  const onRestart = Object.values(head.versions).some((version) => version.includes('@')) ? 'forget' : 'keep';
  const [versions, keptMs] = await Promise.all([
    tagVersions(redis, { prefix, timeoutMs, onRestart }).read(names),
    linkTo(redis).send<number>('pttl', [key], { timeoutMs }),
  ]);
  const tags = names.map((tag, i) => ({ tag, isCurrent: versions[i] === head.versions[tag] }));
  const ageSeconds = ageAt(head.terms, Date.now());
  const freshForSeconds = head.terms.lifetime - ageSeconds;
  return {
    key,
    status: head.status,
    fields: head.fields,
    vary: head.vary,
    bodyBytes: (entry.coded ?? entry.body).length,
    ageSeconds,
    freshForSeconds,
    keptForSeconds: Math.max(0, Number(keptMs)) / 1000,
    tags,
    reasons: [
      ...tags.filter(({ isCurrent }) => !isCurrent).map(({ tag }) => `the tag ${tag} was invalidated`),
      ...(head.terms.validateAlways ? ['no-cache: each request asks the handler'] : []),
      ...(freshForSeconds <= 0 ? ['its freshness is over'] : []),
    ],
  };
}
