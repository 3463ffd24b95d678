import { ToolkitError } from '../errors.js';
import { onAbort } from '../listeners.js';
import { isRefusal, type SubscriberConnection } from '../subscriptions/index.js';
import { monotonicNow } from '../timers.js';
import { isOwnChannel, isRelease, literally } from './channel-name.js';
import type { ReportFailure } from './failures.js';

export type Receive = (event: unknown, channel: string) => unknown;

export type ChannelOrPattern = { readonly channel: string } | { readonly pattern: string };

export interface Listening {
  /** Resolves when Redis has acknowledged the subscription. */
  readonly subscribed: Promise<void>;
  end(): void;
}

interface DeliveryOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly report: ReportFailure;
  /** The subscriber listens again after so many milliseconds in which messages may have been missed. */
  onGap(sinceMs: number): void;
}

interface Listener {
  readonly receive: Receive;
  readonly signal?: AbortSignal | undefined;
  /** Called when the signal is aborted, or the subscriber closed. */
  onCut?(): void;
}

/** Delivers JSON messages to the handlers of one subscriber. */
export class MessageDelivery {
  readonly #connection: SubscriberConnection;
  readonly #options: DeliveryOptions;
  readonly #cuts = new Set<() => void>();
  #unwatch: (() => void) | undefined;

  constructor(connection: SubscriberConnection, options: DeliveryOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  begin(to: ChannelOrPattern, { receive, signal, onCut }: Listener): Listening {
    const own = new AbortController();
    const end = () => {
      if (!this.#cuts.delete(cut)) return;
      removeAbort();
      own.abort(signal?.reason);
      if (this.#cuts.size === 0) this.#unwatch?.();
    };
    const cut = () => {
      end();
      onCut?.();
    };
    if (this.#cuts.size === 0) this.#unwatch = this.#watch();
    this.#cuts.add(cut);
    const removeAbort = onAbort(signal, cut);
    const subscribed = this.#listen(to, receive, own.signal).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof ToolkitError && isRefusal(error.cause)) end();
        throw error;
      },
    );
    return { subscribed, end };
  }

  cutAll(): void {
    for (const cut of [...this.#cuts]) cut();
  }

  #listen(to: ChannelOrPattern, receive: Receive, signal: AbortSignal): Promise<unknown> {
    const { prefix, timeoutMs } = this.#options;
    const onMessage = (json: string, nameInRedis: string) => this.#deliver(receive, json, nameInRedis);
    const options = { timeoutMs, signal };
    return 'pattern' in to
      ? this.#connection.listenToPattern(`${literally(prefix)}${to.pattern}`, onMessage, options)
      : this.#connection.listen(`${prefix}${to.channel}`, onMessage, options);
  }

  #deliver(receive: Receive, json: string, nameInRedis: string): void {
    const { prefix, report } = this.#options;
    const channel = nameInRedis.slice(prefix.length);
    // A pattern may match the toolkit's own channels.
    if (isOwnChannel(channel) || isRelease(json, channel)) return;
    let event: unknown;
    try {
      event = JSON.parse(json);
    } catch (cause) {
      report('MESSAGE_UNREADABLE', `subscriber: a message on "${channel}" is not JSON`, channel, cause);
      return;
    }
    callSafely(() => receive(event, channel), report, channel);
  }

  #watch(): () => void {
    let began: number | undefined;
    const removals = [
      this.#connection.onGap(({ sinceMs }) => {
        began ??= monotonicNow() - sinceMs;
      }),
      this.#connection.onRestored(() => {
        const since = began;
        began = undefined;
        if (since !== undefined) this.#options.onGap(Math.ceil(monotonicNow() - since));
      }),
      this.#connection.onClosed(() => this.cutAll()),
    ];
    return () => {
      for (const remove of removals) remove();
    };
  }
}

/** Reports a throw, and a rejection of the returned promise. */
export function callSafely(call: () => unknown, report: ReportFailure, channel?: string): void {
  const failed = (cause: unknown) =>
    report('MESSAGE_HANDLER_FAILED', 'subscriber: a handler failed', channel, cause);
  try {
    Promise.resolve(call()).catch(failed);
  } catch (error) {
    failed(error);
  }
}
