import type { Keys } from '../keys.js';
import type { RedisLink } from '../redis/index.js';
import { loadScript } from '../redis/index.js';
import { mustHaveCopy } from './old-copies.js';
import { isSystemField, pairs, parseTimes, SYSTEM_FIELDS } from './session-record.js';

const mirrorSession = loadScript('mirror-session');

// Each attempt is lost only to a write of another request, which then writes the copy.
const MAX_ATTEMPTS = 10;

/** Makes the text for connect-redis of a session: its properties beside `cookie`. */
export type WriteCopy = (properties: Readonly<Record<string, unknown>>) => Promise<string>;

/** Writes sessions in the format of connect-redis too, so that processes of the old application find them. */
export class Mirror {
  constructor(
    private readonly link: RedisLink,
    private readonly names: Keys,
    private readonly ask: { readonly timeoutMs: number },
  ) {}

  /**
   * Writes the copy of a session as it is now, not as one request left it: several requests may have changed it. Resolves
   * to false when the session has ended, also by a process of the old application.
   */
  async write(oldKey: string, hash: string, textOf: WriteCopy): Promise<boolean> {
    let written = '';
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const reply = await this.link.run<(string | number)[] | null>(
        mirrorSession,
        [this.names.session(hash)],
        [oldKey, written],
        this.ask,
      );
      if (reply === null) {
        // The session ended after the copy was written, or before. Its copy ends too.
        await this.link.send<number>('unlink', [oldKey], this.ask);
        return false;
      }
      if (reply.length === 0) return true;
      const stored = await this.#store(oldKey, Number(reply[0]), pairs(reply.slice(1) as string[]), textOf);
      if (stored === undefined) return false;
      written = stored;
    }
    return true;
  }

  /** Lets the copy live as long as a session whose expiry has just slid. Nobody waits for this. */
  extendLater(oldKey: string, lifeMs: number): void {
    this.link.send<number>('pexpire', [oldKey, lifeMs], this.ask).catch(() => undefined);
  }

  /** Resolves to the `@meta` of the state that was written; undefined if the old application has ended the session. */
  async #store(
    oldKey: string,
    now: number,
    fields: ReadonlyMap<string, string>,
    textOf: WriteCopy,
  ): Promise<string | undefined> {
    const meta = fields.get(SYSTEM_FIELDS.meta)!;
    const { lastSeenAt, idleTimeoutMs, expiresAt } = parseTimes(meta)!;
    const lifeMs = Math.max(1, Math.min(lastSeenAt + idleTimeoutMs, expiresAt) - now);
    const properties: [string, unknown][] = [...fields]
      .filter(([name]) => !isSystemField(name))
      .map(([name, json]) => [name, JSON.parse(json)]);
    const text = await textOf(Object.fromEntries(properties));
    // The copy of a session that the old application has ended must not come back.
    const condition = mustHaveCopy({ old: fields.get(SYSTEM_FIELDS.old), readAt: now }) ? ['XX'] : [];
    const args = [oldKey, text, 'PX', lifeMs, ...condition];
    const reply = await this.link.send<string | null>('set', args, this.ask);
    return reply === null ? undefined : meta;
  }
}
