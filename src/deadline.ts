/** Something that has to be answered by a certain moment. */
export interface Pending {
  settled: boolean;
  expire(): void;
}

interface Lane {
  readonly entries: { pending: Pending; dueAt: number }[];
  armed: boolean;
}

// A timer that is so late tells of a blocked event loop. What waited for it to be written is given a moment to be
// answered, or a busy process would blame Redis.
const BLOCKED_MS = 20;
const GRACE_MS = 15;

/**
 * Deadlines for many commands with few timers: commands with the same allowance fall due in the order in
 * which they were sent, so each allowance needs one timer, armed for the oldest.
 */
export class Deadlines {
  readonly #lanes = new Map<number, Lane>();

  add(pending: Pending, timeoutMs: number): void {
    const lane = this.#lanes.get(timeoutMs) ?? { entries: [], armed: false };
    this.#lanes.set(timeoutMs, lane);
    lane.entries.push({ pending, dueAt: performance.now() + timeoutMs });
    if (!lane.armed) this.#arm(lane, performance.now() + timeoutMs);
  }

  #arm(lane: Lane, dueAt: number): void {
    lane.armed = true;
    const delayMs = Math.max(0, Math.ceil(dueAt - performance.now()));
    setTimeout(() => {
      // What falls due after this moment has not had the turns that follow, and has to wait for its own.
      const now = performance.now();
      // An answer may be waiting in the socket: one turn through the poll phase before the judgement.
      const sweep = () => setImmediate(() => this.#sweep(lane, now));
      if (now - dueAt > BLOCKED_MS) setTimeout(sweep, GRACE_MS);
      else sweep();
    }, delayMs);
  }

  #sweep(lane: Lane, now: number): void {
    const firstAlive = lane.entries.findIndex(({ pending, dueAt }) => !pending.settled && dueAt > now);
    const over = lane.entries.splice(0, firstAlive === -1 ? lane.entries.length : firstAlive);
    for (const { pending } of over) if (!pending.settled) pending.expire();
    lane.armed = false;
    const next = lane.entries[0];
    if (next) this.#arm(lane, next.dueAt);
  }
}
