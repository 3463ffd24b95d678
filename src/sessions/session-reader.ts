import { LRUCache } from 'lru-cache';
import type { Keys } from '../keys.js';
import { loadScript, type RedisLink, sharedQuestions } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { pairs, parseMeta, parseSession, type StoredSession, SYSTEM_FIELDS } from './session-record.js';

const loadSession = loadScript('load-session');

// The expiry moves once a twentieth of the idle timeout or a minute has passed: most reads write nothing, and a list
// of devices is right to the minute.
const SLIDE_AFTER = { mostMs: 60_000, share: 0.05 };
const REMEMBERED_SESSIONS = 10_000;

/** Redis gives the fields of a hash in one of these, by protocol and by the client's `replyMapping`. */
type Fields = readonly string[] | Readonly<Record<string, string>>;

/**
 * Reads sessions and keeps them alive. That takes a script, but one that writes nothing most of the time: until it has to
 * write again a plain HGETALL reads the same, for 0.5 instead of 8.6 µs of Redis (`usec_per_call`).
 */
export function sessionReader(link: RedisLink, names: Keys, ask: { readonly timeoutMs: number }) {
  // When a session's expiry is to be moved again, by this process' clock; only a guess at which question to ask.
  const slidesAt = new LRUCache<string, number>({ max: REMEMBERED_SESSIONS });
  let redisIsAheadMs = 0;

  const readAndSlide = async (hash: string): Promise<StoredSession | undefined> => {
    const askedAt = monotonicNow();
    const { mostMs, share } = SLIDE_AFTER;
    const reply = await link.run<(string | number)[] | null>(
      loadSession,
      [names.session(hash)],
      [mostMs, share],
      ask,
    );
    if (!reply) return undefined;
    const session = parseSession(reply);
    redisIsAheadMs = session.readAt - askedAt;
    const leftMs = untilSlide(session);
    slidesAt.set(hash, askedAt + (leftMs > 0 ? leftMs : slideAfterMs(session)));
    return session;
  };

  const read = async (hash: string): Promise<StoredSession | undefined> => {
    const reply = await link.send<Fields>('hgetall', [names.session(hash)], ask);
    const fields = mapOf(reply);
    const meta = parseMeta(fields.get(SYSTEM_FIELDS.meta));
    if (!meta) return undefined;
    fields.delete(SYSTEM_FIELDS.meta);
    const session = { ...meta, fields, readAt: Math.round(monotonicNow() + redisIsAheadMs) };
    // Another process may have given it a shorter timeout since. One whose key outlived it is the script's to end.
    const isPlain = untilSlide(session) > 0 && session.readAt < session.expiresAt;
    return isPlain ? session : readAndSlide(hash);
  };

  const shared = sharedQuestions<StoredSession | undefined>(link);
  return (hash: string): Promise<StoredSession | undefined> =>
    shared(hash, () => (monotonicNow() < (slidesAt.get(hash) ?? 0) ? read(hash) : readAndSlide(hash)));
}

const slideAfterMs = ({ idleTimeoutMs }: StoredSession) =>
  Math.min(SLIDE_AFTER.mostMs, idleTimeoutMs * SLIDE_AFTER.share);

const untilSlide = (session: StoredSession) => slideAfterMs(session) - (session.readAt - session.lastSeenAt);

function mapOf(reply: Fields): Map<string, string> {
  return Array.isArray(reply) ? pairs(reply) : new Map(Object.entries(reply));
}
