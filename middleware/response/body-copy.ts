/** A copy of the bytes of a body, as long as they are not too many. */
export class BodyCopy {
  readonly #maxBytes: number;
  readonly #onTooLarge: () => void;
  #chunks: Buffer[] | undefined;
  #bytes = 0;

  constructor(maxBytes: number, onTooLarge: () => void) {
    this.#maxBytes = maxBytes;
    this.#onTooLarge = onTooLarge;
  }

  get bytes(): number {
    return this.#bytes;
  }

  start(): void {
    this.#chunks = [];
  }

  add(chunk: unknown, encoding: unknown): void {
    if (!this.#chunks || chunk === undefined || chunk === null || typeof chunk === 'function') return;
    // A copy: the caller may reuse its buffer once the write is through.
    const copied =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : Buffer.from(chunk as Uint8Array);
    this.#bytes += copied.length;
    if (this.#bytes <= this.#maxBytes) {
      this.#chunks.push(copied);
      return;
    }
    this.#chunks = undefined;
    this.#onTooLarge();
  }

  drop(): void {
    this.#chunks = undefined;
  }

  whole(): Buffer | undefined {
    return this.#chunks && Buffer.concat(this.#chunks, this.#bytes);
  }
}
