import { createHash } from 'node:crypto';

const LONGEST_ID = 200;
const HASHED = 'sha256-';
// Most ids match. The search for characters to escape takes several times as long.
const SAFE = /^[\w:./?=&*~@+,;-]*$/;

/** The names of keys and channels, without ioredis' `keyPrefix` unless it is given. */
export interface Keys {
  rate(client: string, policy: string): string;
  /** The charges of a client in the newest bucket of a sliding window. */
  rateTally(client: string, policy: string): string;
  rateBlock(client: string, limiter: string): string;
  /** The list of all blocks, for operators. */
  rateBlocks(): string;
  session(hash: string): string;
  userSessions(user: string): string;
  /** The moment at which a user ended all sessions: older copies of another store are not adopted. */
  userSessionsEnded(user: string): string;
  /** In the hash slot of the session: its hash tag is the session's whole key in Redis, ioredis' prefix included. */
  sessionAdopted(hash: string, keyPrefix: string): string;
  cache(id: string): string;
  cacheVariant(id: string, variant: string): string;
  cacheVariants(id: string): string;
  /** The groups of the responses of a URL, by the URL's tag. */
  cacheGroups(tag: string): string;
  cacheLease(id: string): string;
  /** A channel. ioredis puts its keyPrefix in front of keys only, so it has to be given here. */
  cacheLeaseReleased(id: string, keyPrefix: string): string;
  invalidationEpoch(): string;
  /** Three copies for each server of a Cluster, in one hash slot; the number chooses the server. */
  redisState(server: number, copy: number): string;
  settling(server: number): string;
  value(key: string): string;
  queues(): string;
  idempotency(digest: string): string;
  /** A channel. */
  idempotencyReleased(digest: string, keyPrefix: string): string;
  tag(tag: string): string;
  lock(resource: string): string;
  /** In the hash slot of the lock: its hash tag is the lock's whole key in Redis, ioredis' prefix included. */
  lockFence(resource: string, keyPrefix: string): string;
  /** A channel. */
  lockReleased(resource: string, keyPrefix: string): string;
  /** A channel, on which somebody who looks asks all processes for a report. */
  opsLook(): string;
  /** A channel, on which processes report. */
  opsReport(): string;
  /** A channel to which only this process listens: as long as it has a listener, the process is connected. */
  opsProcess(id: string): string;
}

/**
 * The names of the toolkit's keys: `entity:id`, with one prefix in front. Text that a client can choose is
 * escaped, so that it cannot reach another entity's keys or a Cluster slot of its choice, and hashed when long.
 *
 * @example
 * keys('shop:').tag('user:7');   // 'shop:tag:user:7'
 */
export function keys(prefix = ''): Keys {
  return {
    rate: (client, policy) => `${prefix}rate:{${safeId(client)}}:${safeId(policy)}`,
    rateTally: (client, policy) => `${prefix}rate-tally:{${safeId(client)}}:${safeId(policy)}`,
    rateBlock: (client, limiter) => `${prefix}rate-block:{${safeId(client)}}:${safeId(limiter)}`,
    rateBlocks: () => `${prefix}rate-blocks:all`,
    session: (hash) => `${prefix}session:${hash}`,
    userSessions: (user) => `${prefix}user-sessions:${safeId(user)}`,
    userSessionsEnded: (user) => `${prefix}user-sessions-ended:${safeId(user)}`,
    sessionAdopted: (hash, keyPrefix) => `${prefix}session-adopted:{${keyPrefix}${prefix}session:${hash}}`,
    cache: (id) => `${prefix}cache:${safeId(id)}`,
    cacheVariant: (id, variant) => `${prefix}cache-variant:${variant}:${safeId(id)}`,
    cacheVariants: (id) => `${prefix}cache-variants:${safeId(id)}`,
    cacheGroups: (tag) => `${prefix}cache-groups:${safeId(tag)}`,
    cacheLease: (id) => `${prefix}cache-lease:${safeId(id)}`,
    cacheLeaseReleased: (id, keyPrefix) => `${keyPrefix}${prefix}cache-lease-released:${safeId(id)}`,
    invalidationEpoch: () => `${prefix}epoch:invalidation`,
    redisState: (server, copy) => `${prefix}epoch:state:{${server}}:${copy}`,
    settling: (server) => `${prefix}epoch:settling:{${server}}`,
    value: (key) => `${prefix}${safeId(key)}`,
    idempotency: (digest) => `${prefix}idempotency:${digest}`,
    idempotencyReleased: (digest, keyPrefix) => `${keyPrefix}${prefix}idempotency-released:${digest}`,
    queues: () => `${prefix}queue`,
    tag: (tag) => `${prefix}tag:${safeId(tag)}`,
    lock: (resource) => `${prefix}lock:${safeId(resource)}`,
    lockFence: (resource, keyPrefix) => `${prefix}lock-fence:{${keyPrefix}${prefix}lock:${safeId(resource)}}`,
    lockReleased: (resource, keyPrefix) => `${keyPrefix}${prefix}lock-released:${safeId(resource)}`,
    opsLook: () => `${prefix}ops-look:`,
    opsReport: () => `${prefix}ops-report:`,
    opsProcess: (id) => `${prefix}ops-process:${id}`,
  };
}

/** The beginnings of the keys that decide whether a cached response may be served. */
export const decidingPrefixes = (prefix: string): string[] =>
  ['cache:', 'cache-variant:', 'tag:'].map((entity) => prefix + entity);

// All entities except the application's own values.
const OWN_ENTITIES = new Set([
  ...Object.entries(keys())
    .filter(([kind]) => kind !== 'value')
    .map(([, name]) => (name as (...parts: string[]) => string)('', '').split(':')[0]),
]);

/** Whether keys and channels named `<entity>:…` belong to the toolkit, not to the application. */
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

/** The same text, or its hash when it is long: bounds the memory of maps whose names clients choose. */
export const shortId = (id: string): string =>
  id.length <= LONGEST_ID && !id.startsWith(HASHED) ? id : `${HASHED}${sha256(id)}`;

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
