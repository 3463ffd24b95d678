import { AtMostOnceCommand, type CommandArguments, type CommandForm } from './at-most-once-command.js';
import type { Pending } from './deadlines.js';
import { endsService, failureOf, unavailable } from './failures.js';
import type { Availability } from './servers/availability.js';

/**
 * A command with a deadline: the answer or the deadline settles its promise, whichever is first. Everything that a
 * command needs is in this one object, because a request has several commands and each further promise or closure
 * shows in the cost of a request (measured: four promises per command were a tenth of it).
 */
export class TimedCommand extends AtMostOnceCommand implements Pending {
  settled = false;
  server: Availability | undefined;
  /** Sends the text of the script instead, once, when Redis does not know its digest. */
  substitute: (() => Promise<unknown>) | undefined;
  readonly #timeoutMs: number;
  readonly #answer: (reply: unknown) => void;
  readonly #refuse: (error: Error) => void;
  readonly #onSettled: () => void;

  constructor(
    name: string,
    args: CommandArguments,
    timeoutMs: number,
    onSettled: () => void,
    options: CommandForm,
  ) {
    super(name, args, options);
    const { resolve, reject } = this;
    this.#timeoutMs = timeoutMs;
    this.#onSettled = onSettled;
    this.#answer = resolve;
    this.#refuse = reject;
    this.resolve = (reply) => this.#fulfil(reply);
    this.reject = (error: Error) => this.fail(error, endsService(error));
  }

  expire(): void {
    const { name } = this;
    this.fail(new Error(`no answer to ${name.toUpperCase()} within ${this.#timeoutMs} ms`), true);
  }

  #fulfil(reply: unknown): void {
    if (this.settled) return;
    this.#answer(reply);
    this.#settle();
  }

  /** Fails at once, because the server is known not to answer. */
  refuse(outage: Error): void {
    this.#end(unavailable('it is not answering at the moment', outage));
  }

  fail(cause: Error, endsService: boolean): void {
    if (this.settled) return;
    const { substitute } = this;
    if (substitute && cause.message.startsWith('NOSCRIPT')) {
      this.substitute = undefined;
      substitute().then(
        (reply) => this.#fulfil(reply),
        (error: Error) => this.#end(error),
      );
      return;
    }
    if (endsService) this.server?.beginOutage(cause);
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
    this.#onSettled();
  }
}
