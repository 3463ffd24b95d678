import { Command } from 'ioredis';

export type CommandArguments = readonly (string | number | Buffer)[];

export interface CommandForm {
  readonly replyEncoding: 'utf8' | null;
  readonly keyPrefix: string;
}

const PING = '*1\r\n$4\r\nPING\r\n';
const NOT_EXECUTED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN)\b/;

/**
 * A command that goes on the wire at most once. After a lost connection ioredis sends unanswered commands again
 * (`autoResendUnfulfilledCommands`), and a queue may send a command long after its caller gave up: a charge would
 * count twice, a logout could be undone. A command that must not run any more goes out as a PING, so that replies
 * and commands stay paired.
 */
export class AtMostOnceCommand extends Command {
  #spent = false;
  #abandoned = false;
  #hashSlot: number | undefined;

  // ioredis before 5.9 finds the keys of a command, for the key prefix and the hash slot, by its lower-case name only.
  constructor(name: string, args: CommandArguments, options?: CommandForm) {
    super(name.toLowerCase(), args as (string | number | Buffer)[], options);
  }

  /** The command must not be executed from here on, wherever it is queued. */
  abandon(): void {
    this.#abandoned = true;
  }

  /** For a command without a key: the Cluster client sends it to the node that owns this hash slot. */
  goTo(hashSlot: number): void {
    this.#hashSlot = hashSlot;
  }

  override getSlot(): number {
    return this.#hashSlot ?? super.getSlot();
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

  // A node that redirects has not run the command, so the Cluster client may send it to another. ioredis installs its
  // own `reject` before it writes, so this wraps as late as possible.
  #reviveOnRedirect(): void {
    const reject = this.reject;
    this.reject = (error: Error) => {
      if (NOT_EXECUTED.test(error.message)) this.#spent = false;
      this.reject = reject;
      if (!this.handles(error)) reject.call(this, error);
    };
  }

  /** Whether the command takes care of the error itself, before the client may send it again. */
  protected handles(_error: Error): boolean {
    return false;
  }
}
