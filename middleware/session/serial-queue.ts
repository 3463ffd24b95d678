/** Work that must not overlap: two saves at once would both create the session. */
export class Turns {
  #last: Promise<void> | undefined;

  /** Settles when what has been begun is done; nothing when there is nothing to wait for. */
  get pending(): Promise<void> | undefined {
    return this.#last;
  }

  /** `told`: a callback hears of the failure, so that `pending` need not tell it. */
  take(work: () => Promise<void>, told = false): Promise<void> {
    const turn = this.#last ? this.#last.then(work, work) : work();
    const pending = told ? turn.catch(() => undefined) : turn;
    const done = () => {
      if (this.#last === pending) this.#last = undefined;
    };
    this.#last = pending;
    turn.then(done, done);
    return turn;
  }
}
