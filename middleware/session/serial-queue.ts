/** Runs work one piece after the other: two saves at the same time would both create the session. */
export class SerialQueue {
  #last: Promise<void> | undefined;

  /** Settles when everything in the queue is done, and rejects as the last piece does; undefined when the queue is empty. */
  get pending(): Promise<void> | undefined {
    return this.#last;
  }

  /** With `isHandled` a callback receives the failure, so `pending` does not reject with it. */
  add(work: () => Promise<void>, isHandled = false): Promise<void> {
    const result = this.#last ? this.#last.then(work, work) : work();
    const pending = isHandled ? result.catch(() => undefined) : result;
    const forget = () => {
      if (this.#last === pending) this.#last = undefined;
    };
    this.#last = pending;
    result.then(forget, forget);
    return result;
  }
}
