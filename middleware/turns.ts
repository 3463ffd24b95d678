/** Work that must not overlap: two saves at once would both create the session. */
export class Turns {
  #last: Promise<void> | undefined;

  /** Settles when what has been begun is done; nothing when there is nothing to wait for. */
  get pending(): Promise<void> | undefined {
    return this.#last;
  }

  take(work: () => Promise<void>): Promise<void> {
    const turn = this.#last ? this.#last.then(work, work) : work();
    const done = () => {
      if (this.#last === turn) this.#last = undefined;
    };
    this.#last = turn;
    turn.then(done, done);
    return turn;
  }
}
