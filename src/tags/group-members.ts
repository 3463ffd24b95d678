import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient } from '../redis/index.js';
import { isGroupTag } from './group-tags.js';
import { EVERYTHING } from './tag-writer.js';
import { isUrlTag } from './url-tags.js';

const rememberGroups = loadScript('remember-groups');

// Of the responses of one URL, or of one path whose queries share responses. If there are more, everything is purged.
const MOST_GROUPS_OF_URL = 1_000;

/** The cache groups of the stored responses of each URL, so that a change of the URL can end the others in its groups. */
export class GroupMembers {
  readonly #link;
  readonly #nameOf: (tag: string) => string;
  readonly #ask: { readonly timeoutMs: number };

  constructor(redis: RedisClient, { prefix, timeoutMs }: { prefix: string; timeoutMs: number }) {
    this.#link = linkTo(redis);
    this.#nameOf = keys(prefix).cacheGroups;
    this.#ask = { timeoutMs };
  }

  /** @param tags all tags of a response that is stored for this long */
  async remember(tags: readonly string[], forMs: number): Promise<void> {
    const groups = tags.filter(isGroupTag);
    if (groups.length === 0) return;
    const args = [Math.max(1, Math.ceil(forMs)), MOST_GROUPS_OF_URL, EVERYTHING, ...groups];
    const urls = tags.filter(isUrlTag);
    await Promise.all(
      urls.map((tag) => this.#link.run(rememberGroups, [this.#nameOf(tag)], args, this.#ask)),
    );
  }

  /** The tags of the groups in which the responses are that a purge of these tags ends by their URL. */
  async of(tags: readonly string[]): Promise<string[]> {
    const urls = [...new Set(tags.filter(isUrlTag))];
    const found = await Promise.all(
      urls.map((tag) => this.#link.send<string[]>('zrange', [this.#nameOf(tag), 0, -1], this.#ask)),
    );
    return [...new Set(found.flat())];
  }
}
