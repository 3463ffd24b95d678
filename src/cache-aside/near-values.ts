import { randomBytes } from 'node:crypto';
import { type NearFormat, nearCacheOf, type RecordCodec, RecordLookup, recordStore } from '../cache/index.js';
import { keys } from '../keys.js';
import type { RedisClient } from '../redis/index.js';
import type { TagVersions } from '../tags/index.js';
import { readNearValuesOptions } from './near-options.js';
import type { AsideSettings } from './options.js';

// `,"stamp":"<12 characters>"}` at the end of the JSON: a value stays readable for every language.
const STAMP_BYTES = 9;
const TAIL = /^,"stamp":"[\w-]{12}"\}$/;
const TAIL_BYTES = 24;

const valueTexts: RecordCodec<string> = {
  encode: (text) =>
    Buffer.from(`${text.slice(0, -1)},"stamp":"${randomBytes(STAMP_BYTES).toString('base64url')}"}`),
  decode: (bytes) => bytes.toString(),
  stampRange: { first: -TAIL_BYTES, last: -1 },
};

// A text that another service or a process without a near cache has stored has no stamp, and is not kept.
const nearTexts: NearFormat<string> = {
  stampOf(bytes) {
    const tail = bytes.toString('latin1', Math.max(0, bytes.length - TAIL_BYTES));
    return TAIL.test(tail) ? tail : '';
  },
  copyOf: (text) => text,
  bodyBytesOf: () => 0,
};

/** The values that the process keeps in its memory, as the texts that are in Redis. */
export interface NearValues {
  readonly lookup: RecordLookup<string>;
  /** Whether values of a key may be kept. */
  keeps(key: string): boolean;
}

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function nearValuesOf(
  redis: RedisClient,
  versions: TagVersions,
  { nearCache: given, prefix, timeoutMs }: AsideSettings,
): NearValues | undefined {
  if (given === undefined) return undefined;
  const nearCache = readNearValuesOptions(given, redis);
  const { entities } = nearCache;
  const prefixes = ['tag', ...(entities ?? [])].map((entity) => `${prefix}${entity}:`);
  const lookup = new RecordLookup(redis, {
    near: nearCacheOf(redis, nearCache, nearTexts, prefixes),
    stored: recordStore(redis, versions, valueTexts, { timeoutMs }),
    versions,
    keyOfTag: keys(prefix).tag,
  });
  return { lookup, keeps: (key) => entities?.includes(key.slice(0, key.indexOf(':'))) ?? true };
}
