import { readOptions } from '../read-options.js';
import type { MessageListening } from './delivery.js';
import { eventQueue } from './event-queue.js';
import type { ReportFailure } from './failures.js';
import { type EventsOptions, eventsChecks, eventsDefaults } from './options.js';

/** What `for await` takes. */
export interface EventStream<Event> extends AsyncIterableIterator<Event, undefined> {
  /** Resolves when Redis has acknowledged the subscription: what is published from now on arrives. */
  readonly ready: Promise<void>;
  return(): Promise<IteratorReturnResult<undefined>>;
}

export function eventStream<Event>(
  listening: MessageListening,
  report: ReportFailure,
  channel: string,
  given: EventsOptions = {},
): EventStream<Event> {
  const options = readOptions('events', given, eventsChecks, eventsDefaults);
  const queue = eventQueue<Event>({
    ...options,
    onDrop: () => report('EVENTS_DROPPED', `events: a loop over "${channel}" is too slow`, channel),
    onEnd: () => end(),
  });
  const { subscribed, end } = listening.begin(
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
    next: queue.next,
    return: queue.return,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
