import { type DiagnosticName, listenTo } from '../diagnostics.js';
import { shortId } from '../keys.js';
import { type CounterTerms, counterName } from '../limits/index.js';
import { NamedCounts, type Numbers } from './named-counts.js';
import { TopCounts } from './top-counts.js';

const MOST_NAMES = 100;
const MOST_PATHS = 50;
const MOST_CLIENTS = 100;
const CLIENTS_REPORTED = 20;

type LimitColumn = 'admitted' | 'refused';
type CacheColumn = 'hit' | 'miss';
type Counted = 'filled' | 'purged' | 'loaded' | 'created' | 'saved' | 'ended' | 'lost';

/** A client that was refused, as the last refusal saw it. */
export interface RefusedClient {
  readonly client: string;
  readonly limiter: string;
  readonly refused: number;
  readonly blockedMs: number;
}

/** What happened in a process since somebody began to look; plain JSON. */
export interface Counts {
  readonly limits: readonly [limiter: string, Numbers<LimitColumn>][];
  readonly routes: readonly [route: string, Numbers<CacheColumn>][];
  readonly fallbacks: readonly [middleware: string, Numbers<'requests'>][];
  readonly clients: readonly RefusedClient[];
  readonly totals: Numbers<Counted>;
}

/** The fields of events that are counted here. Any of them may be missing. */
interface CountedEvent {
  readonly key?: unknown;
  readonly limiter?: unknown;
  readonly quotas?: readonly CounterTerms[];
  readonly blockedMs?: unknown;
  readonly admitted?: unknown;
  readonly route?: unknown;
  readonly id?: unknown;
  readonly outcome?: unknown;
  readonly middleware?: unknown;
}

/** Counts the decisions of this process, from when it is made until `stop`. Nobody counts while nobody looks. */
export class Counters {
  readonly #limits = new NamedCounts<LimitColumn>(MOST_NAMES);
  readonly #routes = new NamedCounts<CacheColumn>(MOST_NAMES);
  // Apart, because clients can invent them.
  readonly #paths = new NamedCounts<CacheColumn>(MOST_PATHS);
  readonly #fallbacks = new NamedCounts<'requests'>(MOST_NAMES);
  readonly #clients = new TopCounts<Omit<RefusedClient, 'refused'>>(MOST_CLIENTS);
  readonly #totals: Record<Counted, number>;
  readonly #ends: readonly (() => void)[];

  constructor() {
    this.#totals = { filled: 0, purged: 0, loaded: 0, created: 0, saved: 0, ended: 0, lost: 0 };
    const on = (name: DiagnosticName, note: (event: CountedEvent) => void) =>
      listenTo(name, (event) => note(event as CountedEvent));
    const count = (name: Counted) => {
      this.#totals[name] += 1;
    };
    const total = (name: Counted) => () => count(name);
    this.#ends = [
      on('admitted', (event) => this.#limits.add(limiterOf(event), 'admitted')),
      on('refused', (event) => this.#countRefusal(event)),
      on('dry-run', (event) => this.#limits.add(limiterOf(event), event.admitted ? 'admitted' : 'refused')),
      on('hit', (event) => this.#countLookup(event, 'hit')),
      on('miss', (event) => this.#countLookup(event, 'miss')),
      on('filled', total('filled')),
      on('purged', total('purged')),
      on('session-loaded', total('loaded')),
      on('session-saved', (event) => count(event.outcome === 'created' ? 'created' : 'saved')),
      on('session-destroyed', total('ended')),
      on('session-lost', total('lost')),
      on('fallback', (event) => this.#fallbacks.add(textOr(event.middleware, '?'), 'requests')),
    ];
  }

  stop(): void {
    for (const end of this.#ends) end();
  }

  counts(): Counts {
    return {
      limits: this.#limits.rows(),
      routes: [...this.#routes.rows(), ...this.#paths.rows()],
      fallbacks: this.#fallbacks.rows(),
      clients: this.#clients.most(CLIENTS_REPORTED).map(({ count, note }) => ({ ...note, refused: count })),
      totals: this.#totals,
    };
  }

  #countLookup({ route, id }: CountedEvent, column: CacheColumn): void {
    if (typeof route === 'string') this.#routes.add(textOr(route, '?'), column);
    else this.#paths.add(firstSegmentOf(id), column);
  }

  #countRefusal(event: CountedEvent): void {
    const limiter = limiterOf(event);
    this.#limits.add(limiter, 'refused');
    const client = shortId(textOr(event.key, '?'));
    const blockedMs = typeof event.blockedMs === 'number' ? event.blockedMs : 0;
    this.#clients.add(`${limiter}\n${client}`, { client, limiter, blockedMs });
  }
}

const textOr = (value: unknown, fallback: string): string =>
  typeof value === 'string' && value !== '' ? shortId(value) : fallback;

/** As in the key of a block, e.g. `login/15m`. */
const limiterOf = ({ limiter, quotas: [first] = [] }: CountedEvent): string =>
  first ? textOr(counterName(first), '?') : textOr(limiter, '?');

const FIRST_SEGMENT = /^\w+:(?:https?:\/\/[^/?]*)?(\/[^/?]*)/;

/** Of a request without a route: the first segment of its path, because clients can invent whole paths. */
const firstSegmentOf = (id: unknown): string =>
  FIRST_SEGMENT.exec(String(id))?.[1]?.slice(0, 100) ?? '(own keys)';
