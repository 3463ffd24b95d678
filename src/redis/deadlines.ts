import { monotonicNow, setImmediate, setTimeout } from '../timers.js';

/** Something that has to be settled before a deadline. */
export interface Pending {
  settled: boolean;
  expire(): void;
}

interface QueuedDeadline {
  readonly pending: Pending;
  readonly dueAt: number;
  next: QueuedDeadline | undefined;
}

/** The deadlines of one length, oldest first. */
interface DeadlineQueue {
  first: QueuedDeadline | undefined;
  last: QueuedDeadline | undefined;
  /** Runs while there are deadlines. */
  timer: NodeJS.Timeout | undefined;
}

// A timer that is late by more than this shows that the event loop was blocked. Commands that could not be written
// meanwhile get some time to be answered, or a busy process would blame Redis.
const BLOCKED_MS = 20;
const GRACE_MS = 15;

/**
 * Deadlines for many commands with few timers: commands with the same allowance fall due in the order in
 * which they were sent, so each allowance needs one timer, armed for the oldest.
 */
export class Deadlines {
  readonly #queues = new Map<number, DeadlineQueue>();
  #isReleased = false;

  add(pending: Pending, timeoutMs: number): void {
    const queue = this.#queues.get(timeoutMs) ?? { first: undefined, last: undefined, timer: undefined };
    this.#queues.set(timeoutMs, queue);
    dropSettled(queue);
    const deadline = { pending, dueAt: monotonicNow() + timeoutMs, next: undefined };
    if (queue.last) queue.last.next = deadline;
    else queue.first = deadline;
    queue.last = deadline;
    if (!queue.timer) this.#arm(queue, deadline.dueAt);
  }

  /** No deadline keeps the process alive any more: a settled one would until its time has passed. */
  release(): void {
    this.#isReleased = true;
    for (const { timer } of this.#queues.values()) timer?.unref();
  }

  #arm(queue: DeadlineQueue, dueAt: number): void {
    const delayMs = Math.max(0, Math.ceil(dueAt - monotonicNow()));
    queue.timer = setTimeout(() => {
      // A deadline that passes after this moment waits for its own turns of the event loop.
      const now = monotonicNow();
      // An answer may be waiting in the socket: one turn through the poll phase before the judgement.
      const sweep = () => setImmediate(() => this.#sweep(queue, now));
      if (now - dueAt > BLOCKED_MS) setTimeout(sweep, GRACE_MS);
      else sweep();
    }, delayMs);
    if (this.#isReleased) queue.timer.unref();
  }

  #sweep(queue: DeadlineQueue, now: number): void {
    const over: Pending[] = [];
    while (queue.first && (queue.first.pending.settled || queue.first.dueAt <= now)) {
      over.push(queue.first.pending);
      dropFirst(queue);
    }
    for (const pending of over) if (!pending.settled) pending.expire();
    queue.timer = undefined;
    if (queue.first) this.#arm(queue, queue.first.dueAt);
  }
}

// Answers come in the order of the questions, so settled commands are mostly in front and are dropped at once. If each
// were kept until its deadline, it would be promoted to the old generation of the heap.
function dropSettled(queue: DeadlineQueue): void {
  while (queue.first?.pending.settled) dropFirst(queue);
}

function dropFirst(queue: DeadlineQueue): void {
  const { first } = queue;
  queue.first = first?.next;
  if (!queue.first) queue.last = undefined;
  // An deadline of the old generation would keep all later ones alive.
  if (first) first.next = undefined;
}
