const LONGEST = 2_000;
const MOST = 100;

/** Input that cannot be used; its message says what to change. */
export class InputRefused extends Error {}

/** The input of a request: the fields of its query or of its body. */
export class Input {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(fields: unknown) {
    const isObject = typeof fields === 'object' && fields !== null && !Array.isArray(fields);
    this.#fields = isObject ? (fields as Record<string, unknown>) : {};
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (value === undefined || value === '') throw new InputRefused(`"${name}" is missing: give a text.`);
    return usable(name, value);
  }

  optionalText(name: string): string | undefined {
    const value = this.#fields[name];
    // An empty one is none that somebody left out: it may narrow what an action is for.
    return value === undefined ? undefined : usable(name, value);
  }

  texts(name: string): string[] {
    const value = this.#fields[name] ?? [];
    if (!Array.isArray(value) || value.length > MOST)
      throw new InputRefused(`"${name}" must be a list of at most ${MOST} texts.`);
    return value.map((item) => usable(name, item));
  }

  wholeNumber(name: string, most: number): number {
    const value = this.#fields[name];
    if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most)
      return value as number;
    throw new InputRefused(`"${name}" must be a whole number from 1 to ${most}.`);
  }
}

function usable(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST) return value;
  throw new InputRefused(`"${name}" must be a text of 1 to ${LONGEST} characters.`);
}
