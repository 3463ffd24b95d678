import { ToolkitError } from '../errors.js';

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

/** Buffers events between a channel, which does not wait, and a loop that takes one event at a time. */
export class EventQueue<Event> {
  readonly #options: EventQueueOptions;
  // By number, because shift() of a long array is slow.
  readonly #buffered = new Map<number, Event>();
  #first = 0;
  #afterLast = 0;
  readonly #takers: Taker<Event>[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;

  constructor(options: EventQueueOptions) {
    this.#options = options;
  }

  push(event: Event): void {
    if (this.#isOver) return;
    const taker = this.#takers.shift();
    if (taker) {
      taker.resolve({ done: false, value: event });
      return;
    }
    const { maxBuffered, whenFull, onDrop } = this.#options;
    if (this.#buffered.size >= maxBuffered) {
      if (whenFull === 'error') {
        this.end(overflow(maxBuffered));
        return;
      }
      this.#takeFirst();
      onDrop();
    }
    this.#buffered.set(this.#afterLast++, event);
  }

  /** The loop still gets the buffered events, then the end or the error. */
  end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error !== undefined) this.#failure = { error };
    this.#options.onEnd();
    for (const taker of this.#takers.splice(0)) this.next().then(taker.resolve, taker.reject);
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    if (this.#buffered.size > 0) return { done: false, value: this.#takeFirst() };
    if (!this.#isOver) return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
    if (!this.#failure) return DONE;
    const { error } = this.#failure;
    this.#failure = undefined;
    throw error;
  }

  /** Ends at once, without the buffered events. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#buffered.clear();
    this.#failure = undefined;
    this.end();
    return DONE;
  }

  #takeFirst(): Event {
    const event = this.#buffered.get(this.#first)!;
    this.#buffered.delete(this.#first++);
    return event;
  }
}

function overflow(maxBuffered: number): ToolkitError {
  const message = `events: more than ${maxBuffered} events were buffered: take them faster, raise maxBuffered, or set whenFull to "drop-oldest"`;
  return new ToolkitError('EVENTS_OVERFLOW', message);
}
