/**
 * Counts the names that come most often, in bounded memory, whatever clients are called ("space saving", Metwally et al.,
 * 2005). A new name takes the place of the rarest one and inherits its count, so a count is never too low.
 */
export class TopCounts<Note = undefined> {
  readonly #size: number;
  readonly #counts = new Map<string, { count: number; note: Note }>();

  constructor(size: number) {
    this.#size = size;
  }

  add(name: string, note: Note): void {
    const known = this.#counts.get(name);
    if (known) {
      known.count += 1;
      known.note = note;
      return;
    }
    const inherited = this.#counts.size < this.#size ? 0 : this.#removeRarest();
    this.#counts.set(name, { count: inherited + 1, note });
  }

  /** The names that came most often, the first one most. */
  most(atMost: number): { name: string; count: number; note: Note }[] {
    return [...this.#counts]
      .map(([name, entry]) => ({ name, ...entry }))
      .toSorted((a, b) => b.count - a.count)
      .slice(0, atMost);
  }

  #removeRarest(): number {
    let rarest = { name: '', count: Number.POSITIVE_INFINITY };
    for (const [name, { count }] of this.#counts) if (count < rarest.count) rarest = { name, count };
    this.#counts.delete(rarest.name);
    return rarest.count;
  }
}
