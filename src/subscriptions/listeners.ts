export type OnMessage = (message: string, channel: string) => void;

/** Who listens to which channels, or patterns. */
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

  /** Answers whether nobody listens any more. */
  remove(name: string, onMessage: OnMessage): boolean {
    const listeners = this.#byName.get(name);
    if (!listeners?.delete(onMessage) || listeners.size > 0) return false;
    return this.#byName.delete(name);
  }

  /** Those of now: whoever begins or stops meanwhile is not looked for. */
  of(name: string): OnMessage[] {
    return [...(this.#byName.get(name) ?? [])];
  }
}
