import { Command } from 'ioredis';

const PING = '*1\r\n$4\r\nPING\r\n';
const NOT_EXECUTED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN)\b/;

/**
 * A command that goes on the wire at most once. After a lost connection ioredis sends what was unanswered
 * again (`autoResendUnfulfilledCommands`), and a queue may send late what its caller has given up on: a charge
 * would count twice, a logout could be undone. A command that must not run any more goes out as a PING, so
 * that replies and commands stay paired.
 */
export class SingleUseCommand extends Command {
  #spent = false;
  #abandoned = false;
  #slot: number | undefined;

  /** From here on the command is not to be executed, wherever it is queued. */
  abandon(): void {
    this.#abandoned = true;
  }

  /** Sends it to the node of a Cluster that owns the slot; for commands without a key. */
  goTo(slot: number): void {
    this.#slot = slot;
  }

  override getSlot(): number {
    return this.#slot ?? super.getSlot();
  }

  override toWritable(socket: object): string | Buffer {
    if (this.#spent || this.#abandoned) {
      this.reject(new Error('the connection was lost before Redis answered'));
      return PING;
    }
    this.#spent = true;
    this.#reviveOnRedirect();
    return super.toWritable(socket);
  }

  // A node that redirects has not run the command, so the Cluster client may send it on. ioredis puts its own
  // reject in place before it writes, therefore this wraps as late as possible.
  #reviveOnRedirect(): void {
    const reject = this.reject;
    this.reject = (error: Error) => {
      if (NOT_EXECUTED.test(error.message)) this.#spent = false;
      this.reject = reject;
      reject.call(this, error);
    };
  }
}
