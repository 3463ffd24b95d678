import { RecentMap } from '../recent-map.js';
import { type RedisClient, whenReset } from '../redis/index.js';
import type { FillStart } from '../tags/index.js';
import { clearTimeout, monotonicNow, setTimeout } from '../timers.js';
import { type FillEnd, type FillOutcome, UNSHARED_MS } from './fill-end.js';
import { FillLeases, type LeaseReply } from './fill-lease.js';
import { besideOthers, type FillRight, nestedRight, type Taken } from './fill-right.js';
import { Flight } from './flight-of-one-key.js';

// A reset waits for responses that are being stored, but hardly for a handler that never ends.
const RESET_WAITS_MS = 500;

/** Reads the versions that a fill is stored under. */
export type BeginFill = () => Promise<FillStart>;

export interface Waiting {
  readonly wait: boolean;
  /** Until when the caller waits for other fills, on the monotonic clock. */
  readonly until: number;
}

export interface SingleFlightOptions {
  readonly prefix: string;
  readonly timeoutMs: number;
  /** Nobody waits longer for a fill, because it may never end. */
  readonly waitMs: number;
}

/** The flights of this process that have a lease, by its token: another SingleFlight may meet it in Redis. */
const flightsByToken = new Map<string, Flight<unknown>>();

/** One handler call per key at a time, in this process and, by a lease in Redis, in all processes. */
export class SingleFlight<Result> {
  readonly #leases: FillLeases;
  readonly #waitMs: number;
  readonly #flights = new Map<string, Flight<Result>>();
  /** Until when each of these keys is not shared, on the monotonic clock. */
  readonly #unshared = new RecentMap<number>(10_000);

  constructor(redis: RedisClient, options: SingleFlightOptions) {
    this.#leases = new FillLeases(redis, options);
    this.#waitMs = options.waitMs;
    whenReset(redis, async () => {
      await Promise.all([...this.#flights.values()].map((flight) => flight.endWithin(RESET_WAITS_MS)));
      this.#unshared.clear();
    });
  }

  /**
   * The fill right of a key among all processes.
   *
   * @param begin reads the versions, before the handler runs
   */
  async take(id: string, begin: BeginFill, waiting: Waiting): Promise<Taken<Result>> {
    if (this.#isUnshared(id) || isOver(waiting)) return { right: besideOthers(await begin()) };
    return this.#joinOrBegin(id, waiting, begin, async (flight) => {
      const [lease, start] = await this.#takeLease(id, begin);
      if (lease.token !== undefined) return { right: this.#withLease(id, flight, lease.token, start) };
      if (lease.outcome === 'failed') return { right: this.#withoutLease(id, flight, start) };
      const isRunning = lease.outcome === undefined;
      const inProcess = flightsByToken.get(lease.heldBy ?? '');
      if (inProcess?.isAroundCaller) {
        this.#land(id, flight, { outcome: 'abandoned' });
        return nestedRight(start);
      }
      const outcome =
        isRunning && waiting.wait ? await this.#endElsewhere(id, waiting, inProcess) : lease.outcome;
      if (outcome) this.#unshare(id, outcome);
      const ended = { outcome: outcome ?? 'unstorable' };
      this.#land(id, flight, ended);
      if (!isRunning) return { right: besideOthers(start) };
      return waiting.wait ? { ended } : {};
    });
  }

  /** The fill right of a key within this process: while Redis is away, or after a fill elsewhere has failed. */
  async takeInProcess(id: string, begin: BeginFill, waiting: Waiting): Promise<Taken<Result>> {
    if (this.#isUnshared(id) || isOver(waiting)) return { right: besideOthers(await begin()) };
    return this.#joinOrBegin(id, waiting, begin, async (flight) => ({
      right: this.#withoutLease(id, flight, await begin()),
    }));
  }

  async #joinOrBegin(
    id: string,
    { wait, until }: Waiting,
    begin: BeginFill,
    fly: (flight: Flight<Result>) => Promise<Taken<Result>>,
  ): Promise<Taken<Result>> {
    const running = this.#flights.get(id);
    if (!running) {
      const flight = new Flight<Result>();
      this.#flights.set(id, flight);
      try {
        return await fly(flight);
      } catch (error) {
        this.#land(id, flight, { outcome: 'failed' });
        throw error;
      }
    }
    if (!wait) return {};
    if (running.isAroundCaller) return nestedRight(await begin());
    const ended = await running.endWithin(until - monotonicNow());
    return ended ? { ended } : { right: besideOthers(await begin()) };
  }

  async #takeLease(id: string, begin: BeginFill): Promise<[LeaseReply, FillStart]> {
    const taking = this.#leases.take(id);
    try {
      return await Promise.all([taking, begin()]);
    } catch (error) {
      // Redis may have given the lease although another question of the same write failed.
      const giveBack = ({ token }: LeaseReply) =>
        token !== undefined && this.#leases.release(id, token, 'stored');
      taking.then(giveBack, () => undefined);
      throw error;
    }
  }

  async #endElsewhere(id: string, { until }: Waiting, inProcess: Flight<unknown> | undefined) {
    const wait = () => this.#leases.ended(id, until - monotonicNow());
    return inProcess ? inProcess.waitedForBy(wait) : wait();
  }

  #withLease(id: string, flight: Flight<Result>, token: string, start: FillStart): FillRight<Result> {
    const stopRenewal = this.#leases.keep(id, token);
    flightsByToken.set(token, flight);
    const right = this.#rightOf(id, flight, start, (outcome) => {
      stopRenewal();
      flightsByToken.delete(token);
      this.#unshare(id, outcome);
      this.#leases.release(id, token, outcome);
    });
    // Under a mark nothing will be stored: nobody has to wait for the handler to find out.
    if (start.versions.includes(null)) right.end('invalidated');
    return right;
  }

  #withoutLease(id: string, flight: Flight<Result>, start: FillStart): FillRight<Result> {
    return this.#rightOf(id, flight, start, (outcome, result) => {
      if (result === undefined) this.#unshare(id, outcome);
    });
  }

  #rightOf(
    id: string,
    flight: Flight<Result>,
    start: FillStart,
    onEnd: (outcome: FillOutcome, result?: Result) => void,
  ): FillRight<Result> {
    let hasEnded = false;
    const end = (outcome: FillOutcome, result?: Result) => {
      if (hasEnded) return;
      hasEnded = true;
      clearTimeout(tooLong);
      onEnd(outcome, result);
      this.#land(id, flight, { outcome, ...(result !== undefined && { result }), began: flight.began });
    };
    const tooLong = setTimeout(() => end('unstorable'), this.#waitMs);
    tooLong.unref();
    return { start, end, run: (work) => flight.run(work) };
  }

  #land(id: string, flight: Flight<Result>, end: FillEnd<Result>): void {
    if (this.#flights.get(id) === flight) this.#flights.delete(id);
    flight.land(end);
  }

  #isUnshared(id: string): boolean {
    return (this.#unshared.get(id) ?? 0) > monotonicNow();
  }

  #unshare(id: string, outcome: FillOutcome): void {
    const forMs = UNSHARED_MS[outcome];
    if (forMs > 0 && outcome !== 'failed') this.#unshared.set(id, monotonicNow() + forMs);
  }
}

const isOver = ({ wait, until }: Waiting): boolean => wait && until <= monotonicNow();
