import { clearInterval, monotonicNow, setInterval } from '../timers.js';
import type { TagVersions } from './tag-versions.js';

/** The marks of a process that crashed stay for this long, and nothing is cached under its tags meanwhile. */
export const MARK_TTL_MS = 15_000;
// After a loss of data nobody stores for a second. By then every process must have set its marks again.
const LOOK_EVERY_MS = 100;
// No handler runs this long. Without the bound a request that is never answered would renew its marks for ever.
export const LONGEST_MUTATION_MS = 15 * 60_000;

/** A mutation between its mark and its purge. */
export interface MutationInFlight {
  readonly tags: readonly string[];
  readonly mark: string;
  readonly began: number;
  /** When its marks are given up, should nobody finish it. */
  until: number;
  markedAt: number;
  /** The state of Redis in which the marks were set. */
  markedIn: string;
  isLooking: boolean;
}

/** Keeps the marks of mutations in flight: renews them before they expire, and sets them again after Redis lost its data. */
export class MutationWatch {
  readonly #versions: TagVersions;
  readonly #inFlight = new Set<MutationInFlight>();
  #timer: NodeJS.Timeout | undefined;

  constructor(versions: TagVersions) {
    this.#versions = versions;
  }

  add(mutation: MutationInFlight): void {
    this.#inFlight.add(mutation);
    this.#timer ??= setInterval(() => this.#tend(), LOOK_EVERY_MS).unref();
  }

  /** The mutation is over. */
  remove(mutation: MutationInFlight): void {
    this.#inFlight.delete(mutation);
  }

  #tend(): void {
    const now = monotonicNow();
    for (const mutation of this.#inFlight) {
      const ageMs = now - mutation.began;
      if (now > mutation.until) this.remove(mutation);
      else if (now - mutation.markedAt >= MARK_TTL_MS / 3) this.#markAgain(mutation).catch(ignore);
      else if (ageMs >= LOOK_EVERY_MS && !mutation.isLooking) void this.#look(mutation);
    }
    if (this.#inFlight.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  // All looks of an event-loop turn are one command.
  async #look(mutation: MutationInFlight): Promise<void> {
    mutation.isLooking = true;
    try {
      const state = await this.#versions.state(mutation.tags);
      if (state !== mutation.markedIn) await this.#markAgain(mutation);
      mutation.markedIn = state;
    } catch {
      // Redis is away. The next look is in a moment.
    }
    mutation.isLooking = false;
  }

  async #markAgain(mutation: MutationInFlight): Promise<void> {
    mutation.markedAt = monotonicNow();
    // The purge must not be followed by a mark that nobody removes.
    if (!this.#inFlight.has(mutation)) return;
    await this.#versions.mark(mutation.tags, mutation.mark, MARK_TTL_MS);
  }
}

const watches = new WeakMap<TagVersions, MutationWatch>();

export function mutationWatchOf(versions: TagVersions): MutationWatch {
  const watch = watches.get(versions) ?? new MutationWatch(versions);
  watches.set(versions, watch);
  return watch;
}

function ignore(): void {}
