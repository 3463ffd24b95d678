import { readOptions } from '../read-options.js';
import type { MessageDelivery } from './delivery.js';
import { EventQueue } from './event-queue.js';
import type { ReportFailure } from './failures.js';
import { type EventsOptions, eventsChecks, eventsDefaults } from './options.js';

/** The events of a channel, for `for await`. Written out: before TypeScript 5.6 no name for it says that it ends with undefined. */
export interface EventStream<Event> {
  /** Resolves when Redis has acknowledged the subscription: events published from now on arrive. */
  readonly ready: Promise<void>;
  next(): Promise<IteratorResult<Event, undefined>>;
  return(): Promise<IteratorReturnResult<undefined>>;
  [Symbol.asyncIterator](): EventStream<Event>;
}

export function eventStream<Event>(
  delivery: MessageDelivery,
  report: ReportFailure,
  channel: string,
  given: EventsOptions = {},
): EventStream<Event> {
  const options = readOptions('events', given, eventsChecks, eventsDefaults);
  const queue = new EventQueue<Event>({
    ...options,
    onDrop: () => report('EVENTS_DROPPED', `events: a loop over "${channel}" is too slow`, channel),
    onEnd: () => end(),
  });
  const { subscribed, end } = delivery.begin(
    { channel },
    {
      receive: (event) => queue.push(event as Event),
      signal: options.signal,
      onCut: () => void queue.return(),
    },
  );
  subscribed.catch((error: unknown) => queue.end(error));
  if (options.signal?.aborted) void queue.return();
  return {
    ready: subscribed,
    next: () => queue.next(),
    return: () => queue.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
