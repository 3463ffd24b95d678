import { AsyncResource } from 'node:async_hooks';
import { AtMostOnceCommand, type CommandArguments, type CommandForm } from './at-most-once-command.js';
import type { Pending } from './deadlines.js';
import { endsService, failureOf, failureOfOutage, unavailable } from './failures.js';
import type { Availability } from './servers/outage-detection.js';
import { isReplyToProbe } from './servers/probe-nonces.js';

/** The link, as its commands see it. */
export interface CommandOwner {
  settled(): void;
  /** Sends a command again that no server has executed. */
  sendAgain(command: TimedCommand): void;
  /** All nodes of a Cluster refuse. */
  clusterIsDown(cause: Error): void;
}

/**
 * A command with a deadline: the answer or the deadline settles its promise, whichever is first. Everything that a
 * command needs is in this one object, because a request has several commands and each further promise or closure
 * shows in the cost of a request (measured: four promises per command were a tenth of it).
 */
export class TimedCommand extends AtMostOnceCommand implements Pending {
  settled = false;
  // Commands are sent at the end of a turn, for several requests at once: a trace must find each under its own request.
  readonly #asker = new AsyncResource('express-redis-toolkit:command');
  #server: Availability | undefined;
  #repliesBefore = 0;
  /** Sends the text of the script instead, once, when Redis does not know its digest. */
  substitute: (() => Promise<unknown>) | undefined;
  readonly #timeoutMs: number;
  readonly #answer: (reply: unknown) => void;
  readonly #refuse: (error: Error) => void;
  readonly #owner: CommandOwner;

  constructor(
    name: string,
    args: CommandArguments,
    timeoutMs: number,
    owner: CommandOwner,
    options: CommandForm,
  ) {
    super(name, args, options);
    const { resolve, reject } = this;
    this.#timeoutMs = timeoutMs;
    this.#owner = owner;
    this.#answer = resolve;
    this.#refuse = reject;
    this.resolve = (reply) => this.#receive(reply);
    this.reject = (error: Error) => {
      if (error.name === 'ReplyError') this.#server?.noteReply();
      this.fail(error, endsService(error));
    };
  }

  /** Sends the command in the asynchronous context of whoever asked for it. */
  sendBy(send: (command: this) => unknown): void {
    this.#asker.runInAsyncScope(send, undefined, this);
  }

  /** Names the server that is going to answer. */
  sentTo(server: Availability | undefined): void {
    this.#server = server;
    this.#repliesBefore = server?.replies ?? 0;
  }

  /** A late answer concerns only the caller; whether the server is away is found out beside it. */
  expire(): void {
    if (this.settled) return;
    const cause = new Error(`no answer to ${this.name.toUpperCase()} within ${this.#timeoutMs} ms`);
    this.#server?.suspect(cause, this.#repliesBefore, this.#timeoutMs);
    this.#end(unavailable(cause.message, cause));
  }

  // ioredis would wait for 100 ms before it asks a Cluster again, longer than some deadlines, and would ask a Cluster that
  // is down until the deadline.
  protected override handles(error: Error): boolean {
    if (error.message.startsWith('TRYAGAIN')) {
      this.#owner.sendAgain(this);
      return true;
    }
    if (!error.message.startsWith('CLUSTERDOWN')) return false;
    // One slot that no node serves is no outage of the others.
    if (!error.message.includes('slot')) this.#owner.clusterIsDown(error);
    this.fail(error, false);
    return true;
  }

  #receive(reply: unknown): void {
    this.#server?.noteReply();
    if (isReplyToProbe(reply)) {
      this.#server?.outOfStep();
      this.fail(new Error('a reply was lost'), true);
    } else this.#fulfil(reply);
  }

  #fulfil(reply: unknown): void {
    if (this.settled) return;
    this.#answer(reply);
    this.#settle();
  }

  /** Fails at once, because the server is known not to answer. */
  refuse(outage: Error): void {
    this.#end(failureOfOutage(this.name, outage));
  }

  fail(cause: Error, endsService: boolean): void {
    if (this.settled) return;
    const { substitute } = this;
    if (substitute && cause.message.startsWith('NOSCRIPT')) {
      this.substitute = undefined;
      this.#asker.runInAsyncScope(substitute).then(
        (reply) => this.#fulfil(reply),
        (error: Error) => this.#end(error),
      );
      return;
    }
    if (endsService) this.#server?.beginOutage(cause);
    else if (cause.message.startsWith('READONLY')) this.#server?.refusesWrites(cause);
    this.#end(failureOf(this.name, cause, endsService));
  }

  #end(error: Error): void {
    if (this.settled) return;
    this.abandon();
    this.#refuse(error);
    this.#settle();
  }

  #settle(): void {
    this.settled = true;
    this.#owner.settled();
  }
}
