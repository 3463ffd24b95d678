import { createHash } from 'node:crypto';

const LONGEST_ID = 200;
const HASHED = 'sha256-';
// Most ids; to look for what has to be escaped takes several times as long.
const SAFE = /^[\w:./?=&*~@+,;-]*$/;

/**
 * The names of the toolkit's keys: `entity:id`, with one prefix in front. Text that a client can choose is
 * escaped, so that it cannot reach another entity's keys or a Cluster slot of its choice, and hashed when long.
 *
 * @example
 * keys('shop:').tag('user:7');   // 'shop:tag:user:7'
 */
export function keys(prefix = '') {
  return {
    rate: (client: string, policy: string) => `${prefix}rate:{${safeId(client)}}:${safeId(policy)}`,
    rateBlock: (client: string, limiter: string) =>
      `${prefix}rate-block:{${safeId(client)}}:${safeId(limiter)}`,
    session: (hash: string) => `${prefix}session:${hash}`,
    userSessions: (user: string) => `${prefix}user-sessions:${safeId(user)}`,
    cache: (id: string) => `${prefix}cache:${safeId(id)}`,
    cacheVariant: (id: string, slot: number) => `${prefix}cache-variant:${slot}:${safeId(id)}`,
    cacheLease: (id: string) => `${prefix}cache-lease:${safeId(id)}`,
    /** A channel; ioredis' prefix has to be given, because it is put in front of keys alone. */
    cacheLeaseReleased: (id: string, keyPrefix: string) =>
      `${keyPrefix}${prefix}cache-lease-released:${safeId(id)}`,
    invalidationEpoch: () => `${prefix}epoch:invalidation`,
    value: (key: string) => `${prefix}${safeId(key)}`,
    queues: () => `${prefix}queue`,
    tag: (tag: string) => `${prefix}tag:${safeId(tag)}`,
    lock: (resource: string) => `${prefix}lock:${safeId(resource)}`,
    /** In the lock's slot, because its hash tag is the lock's whole key as Redis sees it, ioredis' prefix included. */
    lockFence: (resource: string, keyPrefix: string) =>
      `${prefix}lock-fence:{${keyPrefix}${prefix}lock:${safeId(resource)}}`,
    /** A channel. */
    lockReleased: (resource: string, keyPrefix: string) =>
      `${keyPrefix}${prefix}lock-released:${safeId(resource)}`,
  };
}

/** What the keys begin with that decide whether a cached response may be served. */
export const decidingPrefixes = (prefix: string): string[] =>
  ['cache:', 'cache-variant:', 'tag:'].map((entity) => prefix + entity);

export type Keys = ReturnType<typeof keys>;

// All but the application's own values.
const OWN_ENTITIES = new Set([
  ...Object.entries(keys())
    .filter(([kind]) => kind !== 'value')
    .map(([, name]) => (name as (...parts: string[]) => string)('', '').split(':')[0]),
]);

/** Whether what is called `<entity>:…` is the toolkit's, and no key or channel of the application's. */
export function isToolkits(entity: string): boolean {
  return OWN_ENTITIES.has(entity.toLowerCase());
}

/** Escapes braces (they choose the slot in a Cluster), white space and controls; past 200 characters, a hash. */
export function safeId(id: string): string {
  if (SAFE.test(id) && id.length <= LONGEST_ID && !id.startsWith(HASHED)) return id;
  const escaped = id.replace(/[%{}\s\p{Cc}]/gu, (char) => encodeURIComponent(char));
  const fits = escaped.length <= LONGEST_ID && !escaped.startsWith(HASHED);
  return fits ? escaped : `${HASHED}${sha256(id)}`;
}

/** The same text, or a hash of it when it is long: for what is kept in memory by names that clients choose. */
export const shortId = (id: string): string =>
  id.length <= LONGEST_ID && !id.startsWith(HASHED) ? id : `${HASHED}${sha256(id)}`;

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
