/** Something that has to be answered by a certain moment. */
export interface Pending {
  settled: boolean;
  expire(): void;
}

interface Lane {
  readonly entries: { pending: Pending; dueAt: number }[];
  armed: boolean;
}

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
    if (!lane.armed) this.#arm(lane, timeoutMs);
  }

  #arm(lane: Lane, delayMs: number): void {
    lane.armed = true;
    // A blocked event loop runs the timer before it reads the socket, where the answer may be waiting:
    // one turn through the poll phase first, or a busy process would blame Redis.
    setTimeout(() => setImmediate(() => this.#sweep(lane)), Math.ceil(delayMs));
  }

  #sweep(lane: Lane): void {
    const now = performance.now();
    const firstAlive = lane.entries.findIndex(({ pending, dueAt }) => !pending.settled && dueAt > now);
    const over = lane.entries.splice(0, firstAlive === -1 ? lane.entries.length : firstAlive);
    for (const { pending } of over) if (!pending.settled) pending.expire();
    lane.armed = false;
    const next = lane.entries[0];
    if (next) this.#arm(lane, next.dueAt - now);
  }
}
