import { publish } from '../diagnostics.js';
import { shortId } from '../keys.js';
import type { AuditEvent } from '../value-and-lock-events.js';

export type { AuditEvent };

const KEPT = 20;
const LONGEST_NAME = 300;
const FIRST_SHOWN = 5;

/** An action that has ended, as whoever took it tells of it. */
export type EndedAction = Omit<AuditEvent, 'at'>;

/** Runs an action, and notes how it ended. */
export async function noting<Result>(
  action: Omit<EndedAction, 'outcome'>,
  run: () => Promise<Result>,
  note: (action: EndedAction) => unknown,
): Promise<Result> {
  let outcome: AuditEvent['outcome'] = 'failed';
  try {
    const result = await run();
    outcome = 'done';
    return result;
  } finally {
    await note({ ...action, outcome });
  }
}

const recent: AuditEvent[] = [];

/** Publishes an action, and keeps the last ones for whoever looks. */
export function audit(event: EndedAction): void {
  const dated = { ...event, at: new Date().toISOString() };
  recent.unshift({ ...dated, actor: shortId(event.actor), on: shortened(event.on) });
  recent.length = Math.min(recent.length, KEPT);
  publish('audit', () => dated);
}

/** For the report, which is sent twice a second: of a long list the first items, and of long texts a digest. */
function shortened(on: AuditEvent['on']): AuditEvent['on'] {
  const short = (value: unknown) => (typeof value === 'string' ? shortId(value) : value);
  const entries = Object.entries(on).map(([name, value]) => {
    if (!Array.isArray(value)) return [name, short(value)];
    const more = value.length - FIRST_SHOWN;
    return [name, [...value.slice(0, FIRST_SHOWN).map(short), ...(more > 0 ? [`and ${more} more`] : [])]];
  });
  return Object.fromEntries(entries);
}

/** The last actions of this process, the newest first. */
export const recentActions = (): readonly AuditEvent[] => recent;

/** An action as it came over pub/sub; undefined when it is none. */
export function parseAction(json: string): EndedAction | undefined {
  try {
    const { action, actor, outcome, on } = JSON.parse(json) as Record<keyof EndedAction, unknown>;
    const isNamed = [action, actor].every((name) => typeof name === 'string' && name.length <= LONGEST_NAME);
    const hasEnded = outcome === 'done' || outcome === 'failed';
    if (!isNamed || !hasEnded || typeof on !== 'object' || on === null) return undefined;
    return { action, actor, outcome, on } as EndedAction;
  } catch {
    return undefined;
  }
}
