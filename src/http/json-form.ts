const DEEPEST = 100;
const TOKEN = /[ \t\n\r]*("(?:[^"\\]|\\.)*"|[-+.\w]+|[{}[\]:,])/y;

/**
 * A text that two JSON texts have in common when only white space, the order of members and the way in which strings are
 * escaped tell them apart. Numbers count as they are written: `1` is not `1.0`, and 2^53 + 1 is not 2^53. Undefined for
 * what is no JSON, is deeper than a hundred levels, or names a member twice: parsers differ about that.
 */
export function jsonForm(text: string): string | undefined {
  try {
    JSON.parse(text);
    return new JsonReader(text).value(0);
  } catch {
    return undefined;
  }
}

/** Reads a text that is known to be JSON. */
class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number, token = this.#next()): string {
    if (depth > DEEPEST) throw new RangeError('too deep');
    if (token === '{') return this.#members(depth);
    if (token === '[') return this.#items(depth);
    return token.startsWith('"') ? normalisedString(token) : token;
  }

  #members(depth: number): string {
    const members = new Map<string, string>();
    for (let token = this.#next(); token !== '}'; token = this.#next()) {
      if (token === ',') continue;
      const name = JSON.parse(token) as string;
      if (members.has(name)) throw new SyntaxError('named twice');
      this.#next();
      members.set(name, this.value(depth + 1));
    }
    const sorted = [...members].sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
  }

  #items(depth: number): string {
    const items: string[] = [];
    for (let token = this.#next(); token !== ']'; token = this.#next()) {
      if (token !== ',') items.push(this.value(depth + 1, token));
    }
    return `[${items.join(',')}]`;
  }

  #next(): string {
    TOKEN.lastIndex = this.#at;
    const [, token] = TOKEN.exec(this.#text)!;
    this.#at = TOKEN.lastIndex;
    return token!;
  }
}

const normalisedString = (string: string): string => JSON.stringify(JSON.parse(string));
