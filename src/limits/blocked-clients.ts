import { type Keys, shortId } from '../keys.js';
import { loadScript, type RedisLink } from '../redis/index.js';

const indexBlock = loadScript('index-block');
const listBlocks = loadScript('list-blocks');

const MOST_BLOCKS = 1_000;

/** A block as its limiter made it. */
export interface BlockedClient {
  /** The limiter's name, as in the key of a block. */
  readonly limiter: string;
  readonly client: string;
  readonly blockedMs: number;
}

/** The blocks of all limiters with one prefix, so that operators see clients who are blocked and stay away. */
export interface BlockedClients {
  /** How many there are, of which at most 1,000 are known. */
  readonly total: number;
  /** Those that last longest. */
  readonly clients: readonly BlockedClient[];
}

/**
 * The list of blocks in Redis. It decides nothing, so nothing fails because of it: a client is blocked by a key of its own,
 * which may lie on another node of a Cluster.
 */
export class BlockList {
  readonly #link: RedisLink;
  readonly #key: string;
  readonly #ask: { readonly timeoutMs: number };

  constructor(link: RedisLink, names: Keys, timeoutMs: number) {
    this.#link = link;
    this.#key = names.rateBlocks();
    this.#ask = { timeoutMs };
  }

  async add(limiter: string, client: string, durationMs: number): Promise<void> {
    const args = [memberFor(limiter, client), durationMs, MOST_BLOCKS];
    await this.#link.run(indexBlock, [this.#key], args, this.#ask).catch(() => undefined);
  }

  async remove(limiter: string, client: string): Promise<void> {
    await this.#link.send('zrem', [this.#key, memberFor(limiter, client)], this.#ask).catch(() => undefined);
  }

  async read(atMost: number): Promise<BlockedClients> {
    const [total, ...found] = await this.#link.run<[number, ...string[]]>(
      listBlocks,
      [this.#key],
      [atMost],
      this.#ask,
    );
    const clients = found.flatMap((json, at) => {
      const named = at % 2 === 0 ? JSON.parse(json) : undefined;
      return named ? [{ limiter: named[0], client: named[1], blockedMs: Number(found[at + 1]) }] : [];
    });
    return { total, clients };
  }
}

const memberFor = (limiter: string, client: string): string =>
  JSON.stringify([shortId(limiter), shortId(client)]);
