import { listenTo } from '../diagnostics.js';

const KEPT = 5;

/** An outage of Redis as this process saw it. */
export interface Outage {
  readonly server: string;
  readonly cause: string;
  /** When it began, in ISO 8601. */
  readonly at: string;
  /** How long it lasted; absent while it lasts. */
  readonly outageMs?: number;
}

const outages: Outage[] = [];
let isWatching = false;

/** Remembers the last outages of this process from now on. An outage is rare, so this costs nothing. */
export function watchOutages(): void {
  if (isWatching) return;
  isWatching = true;
  listenTo('unavailable', ({ server, cause }) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    outages.unshift({ server: String(server), cause: why, at: new Date().toISOString() });
    outages.length = Math.min(outages.length, KEPT);
  });
  listenTo('recovered', ({ server, outageMs }) => {
    const position = outages.findIndex((each) => each.server === String(server) && !('outageMs' in each));
    if (position >= 0) outages[position] = { ...outages[position]!, outageMs: Math.round(Number(outageMs)) };
  });
}

/** The last outages, the newest first. */
export const recentOutages = (): readonly Outage[] => outages;
