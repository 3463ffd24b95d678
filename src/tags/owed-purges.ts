import { isUnavailable } from '../errors.js';
import { FallbackReporter } from '../fallback-reporter.js';
import { linkTo, type RedisClient, type RedisLink } from '../redis/index.js';
import { clearTimeout, monotonicNow, setTimeout } from '../timers.js';

const RETRY_MS = { first: 100, longest: 5_000 };
// During a long outage each mutation that may proceed adds one.
const MOST_OWED = 1_000;
const FAILED = 'a purge failed; this and further purges are repeated until Redis acknowledges them';

/** A purge of some tags; it may be made twice. */
export interface Purge {
  readonly tags: readonly string[];
  write(): Promise<void>;
}

interface OwedPurge {
  readonly purge: Purge;
  readonly made: Promise<void>;
  tell(): void;
}

/** Purges that Redis has not acknowledged. Each is repeated until Redis does, also while `closeRedis` waits. */
class OwedPurges {
  readonly #link: RedisLink;
  readonly #owed = new Map<Purge, OwedPurge>();
  readonly #reporter: FallbackReporter;
  #isRepeating = false;

  constructor(link: RedisLink) {
    this.#link = link;
    this.#reporter = new FallbackReporter('invalidation', link);
  }

  /**
   * Resolves when Redis has acknowledged the purge. Rejects when it has not in time, and goes on trying.
   *
   * @param instead the purge that takes the place of those for which there is no room
   */
  async make(purge: Purge, { timeoutMs, instead }: { timeoutMs: number; instead: Purge }): Promise<void> {
    const began = monotonicNow();
    try {
      return await purge.write();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      this.#reporter.failed(FAILED, error, { tags: purge.tags });
      const { made } = this.#owe(this.#owed.size < MOST_OWED ? purge : instead);
      const leftMs = timeoutMs - (monotonicNow() - began);
      if (!(await isInTime(made, leftMs))) throw error;
    }
  }

  #owe(purge: Purge): OwedPurge {
    const known = this.#owed.get(purge);
    if (known) return known;
    let tell!: () => void;
    const made = new Promise<void>((resolve) => (tell = resolve));
    const owed = { purge, made, tell };
    this.#owed.set(purge, owed);
    if (!this.#isRepeating) this.#repeat();
    return owed;
  }

  #repeat(): void {
    this.#isRepeating = true;
    let tellAllMade!: () => void;
    const allMade = new Promise<void>((resolve) => (tellAllMade = resolve));
    const forget = this.#link.beforeClosing(() => allMade);
    const round = async (waitedMs: number) => {
      const results = await Promise.all([...this.#owed.values()].map((owed) => this.#tryAgain(owed)));
      if (this.#owed.size === 0 || this.#link.closedByOwner) {
        this.#end();
        forget();
        return tellAllMade();
      }
      // During an outage a try costs nothing. A Redis that answers and refuses is asked more and more rarely.
      const isRefused = results.includes(false) && !this.#link.outage;
      again(isRefused ? Math.min(waitedMs * 2, RETRY_MS.longest) : RETRY_MS.first);
    };
    const again = (waitMs: number) => void setTimeout(() => void round(waitMs), waitMs).unref();
    again(RETRY_MS.first);
  }

  async #tryAgain({ purge, tell }: OwedPurge): Promise<boolean> {
    try {
      await purge.write();
    } catch {
      return false;
    }
    this.#owed.delete(purge);
    tell();
    return true;
  }

  #end(): void {
    const { size } = this.#owed;
    this.#owed.clear();
    this.#isRepeating = false;
    if (size === 0) this.#reporter.succeeded();
    else
      this.#link.logger.error({ purges: size }, 'the client was closed before Redis acknowledged all purges');
  }
}

async function isInTime(made: Promise<void>, withinMs: number): Promise<boolean> {
  if (withinMs <= 0) return false;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, withinMs, false);
  });
  const isMade = await Promise.race([made.then(() => true as const), tooLate]);
  clearTimeout(timer);
  return isMade;
}

const owedPurges = new WeakMap<RedisClient, OwedPurges>();

/** The one of a client. */
export function owedPurgesOf(redis: RedisClient): OwedPurges {
  const owed = owedPurges.get(redis) ?? new OwedPurges(linkTo(redis));
  owedPurges.set(redis, owed);
  return owed;
}
