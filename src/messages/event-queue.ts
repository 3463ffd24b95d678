import { ToolkitError } from '../errors.js';

export interface EventQueue<Event> {
  push(event: Event): void;
  /** Those that wait are still given out, then comes the end, or the error. */
  end(error?: unknown): void;
  next(): Promise<IteratorResult<Event, undefined>>;
  /** The end, at once. */
  return(): Promise<IteratorReturnResult<undefined>>;
}

interface EventQueueOptions {
  readonly maxBuffered: number;
  readonly whenFull: 'drop-oldest' | 'error';
  onDrop(): void;
  onEnd(): void;
}

interface Taker<Event> {
  resolve(result: IteratorResult<Event, undefined>): void;
  reject(error: unknown): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Events between a channel that does not wait and a loop that takes them one at a time. */
export function eventQueue<Event>(options: EventQueueOptions): EventQueue<Event> {
  const { maxBuffered, whenFull, onDrop, onEnd } = options;
  // By number, because an array gets slow to shift() from when it is long.
  const buffered = new Map<number, Event>();
  let first = 0;
  let afterLast = 0;
  const takers: Taker<Event>[] = [];
  let failure: { readonly error: unknown } | undefined;
  let isOver = false;

  const takeFirst = (): Event => {
    const event = buffered.get(first)!;
    buffered.delete(first++);
    return event;
  };

  const queue: EventQueue<Event> = {
    push(event) {
      if (isOver) return;
      const taker = takers.shift();
      if (taker) return taker.resolve({ done: false, value: event });
      if (buffered.size >= maxBuffered) {
        if (whenFull === 'error') return queue.end(overflow(maxBuffered));
        takeFirst();
        onDrop();
      }
      buffered.set(afterLast++, event);
    },

    end(error) {
      if (isOver) return;
      isOver = true;
      if (error !== undefined) failure = { error };
      onEnd();
      for (const taker of takers.splice(0)) queue.next().then(taker.resolve, taker.reject);
    },

    async next() {
      if (buffered.size > 0) return { done: false, value: takeFirst() };
      if (!isOver) return new Promise((resolve, reject) => takers.push({ resolve, reject }));
      if (!failure) return DONE;
      const { error } = failure;
      failure = undefined;
      throw error;
    },

    async return() {
      buffered.clear();
      failure = undefined;
      queue.end();
      return DONE;
    },
  };
  return queue;
}

function overflow(maxBuffered: number): ToolkitError {
  const message = `events: more than ${maxBuffered} events were waiting: take them faster, raise maxBuffered, or let the oldest go`;
  return new ToolkitError('EVENTS_OVERFLOW', message);
}
