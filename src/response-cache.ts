import { publish } from './diagnostics.js';
import { keys } from './keys.js';
import type { RedisClient } from './redis.js';
import { linkTo } from './redis-link.js';
import { tagVersions, type Versions } from './tag-versions.js';

const HEAD_LENGTH_BYTES = 4;

/** What is kept of a response besides its body; plain JSON. */
export interface EntryHead {
  readonly status: number;
  /** What the handler set; not what other middlewares set for their own requests. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** http-cache-semantics' view of the request and the response. */
  readonly policy: object;
  /** Versions of the entry's tags, read before its handler ran. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface Entry {
  readonly head: EntryHead;
  readonly body: Buffer;
}

/** Responses in Redis, each with the versions of its tags. A lookup is one round trip and changes nothing. */
export function responseCache(
  redis: RedisClient,
  options: { readonly prefix: string; readonly timeoutMs: number },
) {
  const link = linkTo(redis);
  const names = keys(options.prefix);
  const versions = tagVersions(redis, options);
  const ask = { timeoutMs: options.timeoutMs };

  return {
    versions,

    /** The entry, if all its tags are at the versions that it was filled under. */
    async lookUp(id: string, tags: readonly string[]): Promise<Entry | undefined> {
      const [bytes, current] = await Promise.all([
        link.send<Buffer | null>('get', [names.cache(id)], { ...ask, as: 'bytes' }),
        versions.read(tags),
      ]);
      const entry = bytes ? decode(bytes) : undefined;
      const valid = entry !== undefined && isCurrent(entry.head, tags, current);
      publish(valid ? 'hit' : 'miss', () => ({ id, tags }));
      return valid ? entry : undefined;
    },

    async store(id: string, entry: Entry, ttlMs: number): Promise<void> {
      await link.send('set', [names.cache(id), encode(entry), 'PX', Math.max(1, Math.ceil(ttlMs))], ask);
      publish('filled', () => ({ id, bytes: entry.body.length, ttlMs }));
    },
  };
}

export type ResponseCache = ReturnType<typeof responseCache>;

/** The versions by tag, or nothing when one of them is missing: then a fill must not be stored. */
export function pinVersions(tags: readonly string[], versions: Versions): Record<string, string> | undefined {
  const pinned = tags.map((tag, position) => [tag, versions[position]] as const);
  return pinned.every(([, version]) => version)
    ? (Object.fromEntries(pinned) as Record<string, string>)
    : undefined;
}

function isCurrent({ versions }: EntryHead, tags: readonly string[], current: Versions): boolean {
  const pinned = Object.keys(versions);
  return (
    pinned.length === new Set(tags).size &&
    tags.every((tag, position) => current[position] !== null && versions[tag] === current[position])
  );
}

function encode({ head, body }: Entry): Buffer {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(HEAD_LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, body]);
}

// Something else under the key (another version of this package, a hand-written SET) is a miss, not an error.
function decode(bytes: Buffer): Entry | undefined {
  try {
    const bodyAt = HEAD_LENGTH_BYTES + bytes.readUInt32BE();
    const head = JSON.parse(bytes.toString('utf8', HEAD_LENGTH_BYTES, bodyAt)) as EntryHead | null;
    const isHead = head?.headers && head.policy && head.versions;
    return isHead ? { head, body: bytes.subarray(bodyAt) } : undefined;
  } catch {
    return undefined;
  }
}
