import { setImmediate } from '../timers.js';

/** Counts the commands in flight. */
export class InFlight {
  #count = 0;
  #onIdle: (() => void)[] = [];

  begin(): void {
    this.#count++;
  }

  end(): void {
    if (--this.#count === 0 && this.#onIdle.length > 0) this.#resolveWhenIdle();
  }

  /** Resolves when no command is in flight any more. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
      this.#resolveWhenIdle();
    });
  }

  #resolveWhenIdle(): void {
    setImmediate(() => {
      if (this.#count === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }
}
