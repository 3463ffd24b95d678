import { consoleLogger, type Logger } from '../logger.js';
import type { RedisClient } from './client.js';
import { Deadlines } from './deadlines.js';
import type { Script } from './scripts.js';
import { slotOf } from './servers/cluster-connection.js';
import { Servers } from './servers/servers.js';
import { AskedCommand } from './timed-command.js';
import { Outbox } from './write-batch.js';

export interface Ask {
  /** Milliseconds within which the answer has to be there. */
  readonly timeoutMs: number;
  /** Bulk strings of the reply as `string` (default) or as `Buffer`. */
  readonly as?: 'text' | 'bytes';
  /** A key: in a Cluster a command without one goes where this one lies. */
  readonly near?: string;
}

type Argument = string | number | Buffer;

const AWAITING_CONNECTION = ['wait', 'connecting', 'connect'];

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
  readonly #forms;
  readonly #awaitingConnection: AskedCommand[] = [];
  #inFlight = 0;
  #sets = 0;
  #onIdle: (() => void)[] = [];
  readonly #closers = new Set<() => Promise<void>>();
  #logger: Logger = consoleLogger;

  constructor(client: RedisClient) {
    this.#client = client;
    this.#outbox = new Outbox(client);
    const { keyPrefix = '' } = client.options;
    this.#forms = {
      text: { replyEncoding: 'utf8', keyPrefix },
      bytes: { replyEncoding: null, keyPrefix },
    } as const;
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
    return this.#send(name, args, ask) as Promise<Reply>;
  }

  #send(
    name: string,
    args: readonly Argument[],
    { timeoutMs, as = 'text', near }: Ask,
    substitute?: () => Promise<unknown>,
  ): Promise<unknown> {
    const command = new AskedCommand(name, args, timeoutMs, this.#onSettled, this.#forms[as]);
    command.substitute = substitute;
    if (near !== undefined && this.#client.isCluster) command.goTo(slotOf(this.#client, near));
    this.#inFlight++;
    if (name === 'set') this.#sets++;
    command.server = this.#servers.of(command);
    const outage = command.server?.outage;
    if (outage) command.refuse(outage);
    else {
      this.#deadlines.add(command, timeoutMs);
      this.#sendWhenReady(command);
    }
    return command.promise;
  }

  /**
   * A way to ask once for all who ask the same in one turn: none of them began after the question was sent, so its answer
   * is as new as each one's own would be. Nor does anything cross a SET of this process: a look behind a store or a lease
   * counts on being answered after it.
   */
  sharing<Answer>(): (question: string, ask: () => Promise<Answer>) => Promise<Answer> {
    const asked = new Map<string, Promise<Answer>>();
    let sets = this.#sets;
    return (question, ask) => {
      if (sets !== this.#sets) asked.clear();
      sets = this.#sets;
      const known = asked.get(question);
      if (known) return known;
      if (asked.size === 0) this.beforeSending(() => asked.clear());
      const answer = ask();
      asked.set(question, answer);
      return answer;
    };
  }

  /**
   * Resolves at the end of this turn of the event loop, when its commands are sent. What is answered from memory waits
   * for it too: responses that are written one after the other, and not each between two requests, take 6 instead of
   * 27 µs of a socket (measured on loopback, where each wakes the reader), and what they share is still in the cache.
   */
  endOfTurn(): Promise<void> {
    return this.#outbox.endOfTurn();
  }

  /** At the end of this turn, before its commands are sent. */
  beforeSending(work: () => void): void {
    this.#outbox.beforeSending(work);
  }

  /** Runs a script by its digest; a server that does not know it (restart, `SCRIPT FLUSH`) is sent the text. */
  run<Reply>(script: Script, keys: readonly string[], args: readonly Argument[], ask: Ask): Promise<Reply> {
    const rest = [keys.length, ...keys, ...args];
    const began = performance.now();
    const sendText = () => {
      const leftMs = Math.max(1, Math.round(ask.timeoutMs - (performance.now() - began)));
      return this.send('eval', [script.lua, ...rest], { ...ask, timeoutMs: leftMs });
    };
    return this.#send('evalsha', [script.sha, ...rest], ask, sendText) as Promise<Reply>;
  }

  /** Resolves when nothing is in flight any more. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
      this.#tellWhenIdle();
    });
  }

  /** Has `closeRedis` close something that depends on the client before the client itself. Returns a function that removes it. */
  beforeClosing(close: () => Promise<void>): () => void {
    this.#closers.add(close);
    return () => void this.#closers.delete(close);
  }

  /** Closes everything that was registered with `beforeClosing`. */
  async closeDependents(): Promise<void> {
    await Promise.all([...this.#closers].map((close) => close()));
  }

  /** The client is being closed for good: that it does not answer is no outage. */
  retire(): void {
    this.#servers.retire();
  }

  readonly #onSettled = () => {
    if (--this.#inFlight === 0 && this.#onIdle.length > 0) this.#tellWhenIdle();
  };

  #tellWhenIdle(): void {
    setImmediate(() => {
      if (this.#inFlight === 0) for (const tell of this.#onIdle.splice(0)) tell();
    });
  }

  // A command never enters ioredis' offline queue, from which it would be sent long after its caller was told
  // that it failed. Only the very first connection is waited for.
  #sendWhenReady(command: AskedCommand): void {
    const { status } = this.#client;
    if (status === 'wait') this.#client.connect().catch(() => undefined);
    if (status === 'ready') this.#outbox.add(command);
    else if (AWAITING_CONNECTION.includes(status)) this.#awaitingConnection.push(command);
    else command.fail(new Error(`the connection is in the state "${status}"`), true);
  }

  #onReady(): void {
    for (const command of this.#awaitingConnection.splice(0)) {
      if (!command.settled) this.#outbox.add(command);
    }
  }

  #onClose(): void {
    const cause = new Error('the connection was closed');
    for (const command of this.#awaitingConnection.splice(0)) command.fail(cause, true);
  }
}

const links = new WeakMap<RedisClient, RedisLink>();

/** The link of a client, made when first asked for. A logger given by anyone serves all its users. */
export function linkTo(client: RedisClient, logger?: Logger): RedisLink {
  const link = links.get(client) ?? new RedisLink(client);
  links.set(client, link);
  if (logger) link.logTo(logger);
  return link;
}
