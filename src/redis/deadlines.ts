/** Something that has to be answered by a certain moment. */
export interface Pending {
  settled: boolean;
  expire(): void;
}

interface Entry {
  readonly pending: Pending;
  readonly dueAt: number;
  next: Entry | undefined;
}

/** A queue, oldest first. */
interface Lane {
  first: Entry | undefined;
  last: Entry | undefined;
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
    const lane = this.#lanes.get(timeoutMs) ?? { first: undefined, last: undefined, armed: false };
    this.#lanes.set(timeoutMs, lane);
    dropSettled(lane);
    const entry = { pending, dueAt: performance.now() + timeoutMs, next: undefined };
    if (lane.last) lane.last.next = entry;
    else lane.first = entry;
    lane.last = entry;
    if (!lane.armed) this.#arm(lane, entry.dueAt);
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
    const over: Pending[] = [];
    while (lane.first && (lane.first.pending.settled || lane.first.dueAt <= now)) {
      over.push(lane.first.pending);
      dropFirst(lane);
    }
    for (const pending of over) if (!pending.settled) pending.expire();
    lane.armed = false;
    if (lane.first) this.#arm(lane, lane.first.dueAt);
  }
}

// Answers come in the order of the questions: what is over is mostly in front, and goes at once. Held until its time
// was up, each command would grow old in the heap.
function dropSettled(lane: Lane): void {
  while (lane.first?.pending.settled) dropFirst(lane);
}

function dropFirst(lane: Lane): void {
  const { first } = lane;
  lane.first = first?.next;
  if (!lane.first) lane.last = undefined;
  // One that has grown old itself would keep all that came after it alive.
  if (first) first.next = undefined;
}
