/** Where names beyond the bound are counted together. */
export const OTHERS = '(others)';

/** Numbers by name, of a bounded number of names. */
export type Numbers<Name extends string = string> = Partial<Record<Name, number>>;

/** Several numbers for each of a bounded number of names: the first names that come keep their place. */
export class NamedCounts<Column extends string> {
  readonly #size: number;
  readonly #rows = new Map<string, Numbers<Column>>();

  constructor(size: number) {
    this.#size = size;
  }

  add(name: string, column: Column, by = 1): void {
    const place = this.#rows.has(name) || this.#rows.size < this.#size ? name : OTHERS;
    const row = this.#rows.get(place) ?? {};
    this.#rows.set(place, row);
    const numbers = row as Record<Column, number>;
    numbers[column] = (numbers[column] ?? 0) + by;
  }

  rows(): [name: string, numbers: Numbers<Column>][] {
    return [...this.#rows];
  }
}
