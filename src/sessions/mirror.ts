import type { Keys } from '../keys.js';
import { loadScript, type RedisClient, type RedisLink } from '../redis/index.js';
import { mustHaveCopy } from './old-copies.js';
import { isSystemField, pairs, parseTimes, SYSTEM_FIELDS } from './stored-session.js';

const mirrorSession = loadScript('mirror-session');

// Each attempt is lost only to a write of another request, which then writes the copy.
const MAX_ATTEMPTS = 10;

/** Makes the text for connect-redis of a session: its properties beside `cookie`. */
export type WriteCopy = (properties: Readonly<Record<string, unknown>>) => Promise<string>;

type Reply = (string | number)[] | null;

/** Writes sessions in the format of connect-redis too, so that processes of the old application find them. */
export class Mirror {
  readonly #isCluster: boolean;

  constructor(
    redis: RedisClient,
    private readonly link: RedisLink,
    private readonly names: Keys,
    private readonly ask: { readonly timeoutMs: number },
  ) {
    this.#isCluster = redis.isCluster;
  }

  /**
   * Writes the copy of a session as it is now, not as one request left it: several requests may have changed it. Resolves
   * to false when the session has ended, also by a process of the old application.
   */
  async write(oldKey: string, hash: string, textOf: WriteCopy): Promise<boolean> {
    let reply = await this.#read(oldKey, hash, '');
    for (let attempt = 0; attempt < MAX_ATTEMPTS && reply && reply.length > 0; attempt++) {
      const fields = pairs(reply.slice(1) as string[]);
      const text = await textOf(propertiesOf(fields));
      const args = [oldKey, text, ...conditions(fields, Number(reply[0]))];
      const storing = this.link.send<string | null>('set', args, this.ask);
      // On one server commands of one write run in their order; in a Cluster the copy lies on another server.
      if (this.#isCluster) await storing;
      const reading = this.#read(oldKey, hash, fields.get(SYSTEM_FIELDS.meta)!);
      const [stored, next] = await Promise.all([storing, reading]);
      if (stored === null) return false;
      reply = next;
    }
    if (reply !== null) return true;
    // The session ended after its copy was written, or before. The copy ends too.
    await this.link.send<number>('unlink', [oldKey], this.ask);
    return false;
  }

  /** Lets the copy live as long as a session whose expiry has just slid. Nobody waits for this. */
  extendLater(oldKey: string, lifeMs: number): void {
    this.link.send<number>('pexpire', [oldKey, lifeMs], this.ask).catch(() => undefined);
  }

  #read(oldKey: string, hash: string, written: string): Promise<Reply> {
    return this.link.run<Reply>(mirrorSession, [this.names.session(hash)], [oldKey, written], this.ask);
  }
}

function propertiesOf(fields: ReadonlyMap<string, string>): Record<string, unknown> {
  const properties = [...fields].filter(([name]) => !isSystemField(name));
  return Object.fromEntries(properties.map(([name, json]) => [name, JSON.parse(json)]));
}

/** The expiry of the copy; and that it must exist, because a copy that the old application has ended must not come back. */
function conditions(fields: ReadonlyMap<string, string>, now: number): (string | number)[] {
  const { lastSeenAt, idleTimeoutMs, expiresAt } = parseTimes(fields.get(SYSTEM_FIELDS.meta))!;
  const lifeMs = Math.max(1, Math.min(lastSeenAt + idleTimeoutMs, expiresAt) - now);
  const mustExist = mustHaveCopy({ old: fields.get(SYSTEM_FIELDS.old), readAt: now });
  return ['PX', lifeMs, ...(mustExist ? ['XX'] : [])];
}
