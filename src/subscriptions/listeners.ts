export type OnMessage = (message: string, channel: string) => void;

/** The listeners of channels, or of patterns. */
export class ChannelListeners {
  readonly #byName = new Map<string, Set<OnMessage>>();

  names(): string[] {
    return [...this.#byName.keys()];
  }

  add(name: string, onMessage: OnMessage): void {
    const listeners = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, listeners.add(onMessage));
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Returns whether that was the last listener of the name. */
  remove(name: string, onMessage: OnMessage): boolean {
    const listeners = this.#byName.get(name);
    if (!listeners?.delete(onMessage) || listeners.size > 0) return false;
    return this.#byName.delete(name);
  }

  /** A copy: listeners may be added or removed while the caller goes through it. */
  of(name: string): OnMessage[] {
    return [...(this.#byName.get(name) ?? [])];
  }
}
