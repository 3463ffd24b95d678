import { ToolkitError } from '../errors.js';
import type { SubscriberConnection } from '../subscriptions/index.js';
import { isOwnChannel, isRelease, literally } from './channel-name.js';
import type { ReportFailure } from './failures.js';

export type Receive = (event: unknown, channel: string) => unknown;

interface Listening {
  /** Resolves when Redis has acknowledged the subscription. */
  readonly subscribed: Promise<void>;
  end(): void;
}

interface ListeningOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly report: ReportFailure;
  /** Listening again, after that many milliseconds in which messages may have been missed. */
  onGap(sinceMs: number): void;
}

interface Begin {
  readonly receive: Receive;
  readonly signal?: AbortSignal | undefined;
  /** The signal was aborted, or the subscriber closed. */
  onCut?(): void;
}

/** JSON messages for the handlers of one subscriber. */
export function messageListening(
  connection: SubscriberConnection,
  { prefix, timeoutMs, report, onGap }: ListeningOptions,
) {
  const cuts = new Set<() => void>();
  const cutAll = () => [...cuts].forEach((cut) => void cut());
  let unwatch: (() => void) | undefined;

  const deliver = (receive: Receive, json: string, nameInRedis: string) => {
    const channel = nameInRedis.slice(prefix.length);
    // A pattern may match what the toolkit tells itself.
    if (isOwnChannel(channel) || isRelease(json, channel)) return;
    const event = parsed(json, (cause) =>
      report('MESSAGE_UNREADABLE', `subscriber: a message on "${channel}" is not JSON`, channel, cause),
    );
    if (event) callSafely(() => receive(event.value, channel), report, channel);
  };

  const begin = (
    to: { readonly channel: string } | { readonly pattern: string },
    { receive, signal, onCut }: Begin,
  ): Listening => {
    const own = new AbortController();
    const end = () => {
      if (!cuts.delete(cut)) return;
      signal?.removeEventListener('abort', cut);
      own.abort(signal?.reason);
      if (cuts.size === 0) unwatch?.();
    };
    const cut = () => {
      end();
      onCut?.();
    };
    if (cuts.size === 0) unwatch = watch(connection, onGap, cutAll);
    cuts.add(cut);
    signal?.addEventListener('abort', cut);
    const onMessage = (json: string, name: string) => deliver(receive, json, name);
    const options = { timeoutMs, signal: own.signal };
    const listening =
      'pattern' in to
        ? connection.listenToPattern(`${literally(prefix)}${to.pattern}`, onMessage, options)
        : connection.listen(`${prefix}${to.channel}`, onMessage, options);
    const subscribed = listening.then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof ToolkitError && error.code === 'REDIS_COMMAND_FAILED') end();
        throw error;
      },
    );
    return { subscribed, end };
  };

  return { begin, cutAll };
}

function watch(
  connection: SubscriberConnection,
  onGap: (sinceMs: number) => void,
  onClosed: () => void,
): () => void {
  let began: number | undefined;
  const removals = [
    connection.onGap(({ sinceMs }) => {
      began ??= performance.now() - sinceMs;
    }),
    connection.onRestored(() => {
      const since = began;
      began = undefined;
      if (since !== undefined) onGap(Math.ceil(performance.now() - since));
    }),
    connection.onClosed(onClosed),
  ];
  return () => removals.forEach((remove) => void remove());
}

export type MessageListening = ReturnType<typeof messageListening>;

/** What fails in it, now or later, is reported. */
export function callSafely(call: () => unknown, report: ReportFailure, channel?: string): void {
  const failed = (cause: unknown) =>
    report('MESSAGE_HANDLER_FAILED', 'subscriber: a handler failed', channel, cause);
  try {
    Promise.resolve(call()).catch(failed);
  } catch (error) {
    failed(error);
  }
}

function parsed(json: string, onError: (cause: unknown) => void): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(json) };
  } catch (error) {
    onError(error);
    return undefined;
  }
}
