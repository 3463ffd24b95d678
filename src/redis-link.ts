import { slotOf } from './cluster-connection.js';
import { Deadlines, type Pending } from './deadline.js';
import { ToolkitError } from './errors.js';
import { consoleLogger, type Logger } from './logger.js';
import { Outbox } from './outbox.js';
import type { RedisClient } from './redis-client.js';
import type { Script } from './scripts.js';
import { Servers } from './servers.js';
import { SingleUseCommand } from './single-use-command.js';

export interface Ask {
  /** Milliseconds within which the answer has to be there. */
  readonly timeoutMs: number;
  /** Bulk strings of the reply as `string` (default) or as `Buffer`. */
  readonly as?: 'text' | 'bytes';
  /** A key: in a Cluster a command without one goes where this one lies. */
  readonly near?: string;
}

type Argument = string | number | Buffer;

// Answers by which Redis says that it cannot serve at the moment, as opposed to "your command is wrong".
const CANNOT_SERVE =
  /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|READONLY|OOM|MISCONF|NOREPLICAS|NOAUTH|NOPERM)\b/;
const NOT_SERVING_ANYTHING = /^(LOADING|BUSY|MASTERDOWN|NOAUTH)\b/;
// By ioredis, without asking Redis: the owner has subscribed on this client, and no waiting would mend it.
const IN_SUBSCRIBER_MODE = /^Connection in subscriber mode/;
const AWAITING_CONNECTION = ['wait', 'connecting', 'connect'];

interface PendingCommand extends Pending {
  readonly command: SingleUseCommand;
  fail(cause: Error, endsService: boolean): void;
}

/**
 * The only way by which the toolkit talks to Redis: every command is answered, or fails as
 * `REDIS_UNAVAILABLE`, within its deadline, is executed at most once, and shares its write with the others of
 * the same turn. One link exists per client, whoever asks for it.
 */
export class RedisLink {
  readonly #client: RedisClient;
  readonly #outbox: Outbox;
  readonly #deadlines = new Deadlines();
  readonly #servers: Servers;
  readonly #awaitingConnection: PendingCommand[] = [];
  #inFlight = 0;
  #onIdle: (() => void)[] = [];
  #logger: Logger = consoleLogger;

  constructor(client: RedisClient) {
    this.#client = client;
    this.#outbox = new Outbox(client);
    this.#servers = new Servers(client, () => this.#logger);
    // Without a listener ioredis prints every failed attempt to reconnect.
    client.on('error', (error: Error) => this.#servers.whole.beginOutage(error));
    client.on('ready', () => this.#onReady()).on('close', () => this.#onClose());
  }

  logTo(logger: Logger): void {
    this.#logger = logger;
  }

  get logger(): Logger {
    return this.#logger;
  }

  /** Why Redis as a whole cannot be asked, or nothing when it can. */
  get outage(): Error | undefined {
    return this.#servers.whole.outage;
  }

  /** Whoever made the client has ended it, as opposed to having lost it. */
  get closedByOwner(): boolean {
    return this.#servers.closedByOwner;
  }

  /** @throws ToolkitError `REDIS_UNAVAILABLE`, `REDIS_COMMAND_FAILED` (both as rejections) */
  send<Reply>(name: string, args: readonly Argument[], ask: Ask): Promise<Reply> {
    this.#inFlight++;
    return this.#send<Reply>(name, args, ask).finally(() => {
      if (--this.#inFlight === 0) for (const tell of this.#onIdle.splice(0)) tell();
    });
  }

  /** Runs a script by its digest; a server that does not know it (restart, `SCRIPT FLUSH`) is sent the text. */
  run<Reply>(script: Script, keys: readonly string[], args: readonly Argument[], ask: Ask): Promise<Reply> {
    const rest = [keys.length, ...keys, ...args];
    const began = performance.now();
    return this.send<Reply>('evalsha', [script.sha, ...rest], ask).catch((error: ToolkitError) => {
      if (!(error.cause instanceof Error && error.cause.message.startsWith('NOSCRIPT'))) throw error;
      const leftMs = Math.max(1, Math.round(ask.timeoutMs - (performance.now() - began)));
      return this.send<Reply>('eval', [script.lua, ...rest], { ...ask, timeoutMs: leftMs });
    });
  }

  /** Resolves when nothing is in flight any more. */
  drained(): Promise<void> {
    return this.#inFlight === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** The client is being closed for good: that it does not answer is no outage. */
  retire(): void {
    this.#servers.retire();
  }

  #send<Reply>(
    name: string,
    args: readonly Argument[],
    { timeoutMs, as = 'text', near }: Ask,
  ): Promise<Reply> {
    const command = new SingleUseCommand(name, args as (string | number | Buffer)[], {
      replyEncoding: as === 'text' ? 'utf8' : null,
      keyPrefix: this.#client.options.keyPrefix ?? '',
    });
    if (near !== undefined && this.#client.isCluster) command.goTo(slotOf(this.#client, near));
    const server = this.#servers.of(command);
    const outage = server?.outage;
    if (outage) return Promise.reject(unavailable('it is not answering at the moment', outage));
    return new Promise<Reply>((resolve, reject) => {
      const pending: PendingCommand = {
        command,
        settled: false,
        expire: () => {
          pending.fail(new Error(`no answer to ${name.toUpperCase()} within ${timeoutMs} ms`), true);
        },
        fail: (cause, endsService) => {
          if (pending.settled) return;
          pending.settled = true;
          command.abandon();
          if (endsService) server?.beginOutage(cause);
          reject(toolkitError(name, cause, endsService));
        },
      };
      command.promise.then(
        (reply) => {
          if (pending.settled) return;
          pending.settled = true;
          resolve(reply as Reply);
        },
        (error: Error) => pending.fail(error, endsService(error)),
      );
      this.#deadlines.add(pending, timeoutMs);
      this.#sendWhenReady(pending);
    });
  }

  // A command never enters ioredis' offline queue, from which it would be sent long after its caller was told
  // that it failed. Only the very first connection is waited for.
  #sendWhenReady(pending: PendingCommand): void {
    const { status } = this.#client;
    if (status === 'wait') this.#client.connect().catch(() => undefined);
    if (status === 'ready') this.#outbox.add(pending.command);
    else if (AWAITING_CONNECTION.includes(status)) this.#awaitingConnection.push(pending);
    else pending.fail(new Error(`the connection is in the state "${status}"`), true);
  }

  #onReady(): void {
    for (const pending of this.#awaitingConnection.splice(0)) {
      if (!pending.settled) this.#outbox.add(pending.command);
    }
  }

  #onClose(): void {
    const cause = new Error('the connection was closed');
    for (const pending of this.#awaitingConnection.splice(0)) pending.fail(cause, true);
  }
}

function endsService(error: Error): boolean {
  return error.name === 'ReplyError'
    ? NOT_SERVING_ANYTHING.test(error.message)
    : !IN_SUBSCRIBER_MODE.test(error.message);
}

function toolkitError(name: string, cause: Error, endsService: boolean): ToolkitError {
  if (endsService || CANNOT_SERVE.test(cause.message)) return unavailable(cause.message, cause);
  return IN_SUBSCRIBER_MODE.test(cause.message) ? inSubscriberMode(name, cause) : failed(name, cause);
}

function inSubscriberMode(name: string, cause: Error): ToolkitError {
  const message = `the client given as redis is subscribed and cannot send ${name.toUpperCase()}: give a client of its own, and listen with subscriber()`;
  return new ToolkitError('REDIS_IN_SUBSCRIBER_MODE', message, { cause });
}

export function unavailable(message: string, cause?: Error): ToolkitError {
  return new ToolkitError('REDIS_UNAVAILABLE', `Redis is unavailable: ${message}`, cause && { cause });
}

export function failed(name: string, cause: Error): ToolkitError {
  return new ToolkitError('REDIS_COMMAND_FAILED', `Redis refused ${name.toUpperCase()}: ${cause.message}`, {
    cause,
  });
}

const links = new WeakMap<RedisClient, RedisLink>();

/** The link of a client, made when first asked for. A logger given by anyone serves all its users. */
export function linkTo(client: RedisClient, logger?: Logger): RedisLink {
  const link = links.get(client) ?? new RedisLink(client);
  links.set(client, link);
  if (logger) link.logTo(logger);
  return link;
}
