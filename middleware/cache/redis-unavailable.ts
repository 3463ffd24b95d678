import type { Request } from 'express';
import type { Entry } from '../../src/cache/index.js';
import { isUnavailable } from '../../src/errors.js';
import { besideOthers, type FillOutcome, type SingleFlight } from '../../src/single-flight/index.js';
import type { PassedOn } from './conditional-request.js';
import { audienceOf, isPassedOn, usableEntry } from './entry-audience.js';
import { emptyPlan } from './fill-plan.js';
import type { Decision, FilledResponse } from './handler-decision.js';
import type { CacheSettings } from './settings.js';
import { serveShared, type Visit } from './shared-result.js';

interface Surroundings {
  readonly fillId: string;
  readonly flights: SingleFlight<FilledResponse>;
  readonly settings: CacheSettings;
  readonly passedOn: PassedOn;
}

/**
 * While Redis is away nobody knows whether an entry was invalidated: the handler answers, once for all that wait, and its
 * response is not stored.
 *
 * @param near the entry in this process, which may stand in for an error
 */
export async function decideWithoutRedis(
  visit: Visit,
  near: Entry | undefined,
  { fillId, flights, settings, passedOn }: Surroundings,
): Promise<Decision> {
  const { requested, req, until } = visit;
  const lastResort = usableEntry(near ? { entry: near } : {}, req, settings);
  const forward = { fwd: 'bypass', ...(lastResort && { lastResort }) } as const;
  const alone = async () => {
    const plan = emptyPlan('nothing');
    return { ...forward, right: besideOthers<FilledResponse>(await plan.begin()), plan };
  };
  const isPlain = audienceOf(req, undefined, settings) === 'everybody';
  if (!isPlain || isPassedOn(req, requested.id, passedOn)) return alone();
  const plan = emptyPlan('shared in process');
  for (;;) {
    const taken = await flights.takeInProcess(fillId, plan.begin, { wait: true, until });
    if (taken.right) return { ...forward, right: taken.right, plan };
    if (!taken.ended) return alone();
    if (serveShared(visit, taken.ended, lastResort, 'bypass', settings)) return undefined;
    // Without a response to share, one after the other would only queue.
    if (!taken.ended.result?.entry) return alone();
  }
}

/** Reports a request whose response is not cached because Redis is away. Another error is none of its business. */
export function reportBypass(error: unknown, req: Request, { reporter }: CacheSettings): void {
  if (isUnavailable(error))
    reporter.applied('bypass', 'handlers answer, and responses are not cached', error, req);
}

/** The outcome of storing a response, which nobody waits for: reports it when Redis is away. */
export async function reportedOutcome(
  storing: Promise<FillOutcome>,
  req: Request,
  settings: CacheSettings,
): Promise<FillOutcome> {
  try {
    const outcome = await storing;
    if (outcome === 'stored') settings.reporter.succeeded();
    return outcome;
  } catch (error) {
    reportBypass(error, req, settings);
    throw error;
  }
}
