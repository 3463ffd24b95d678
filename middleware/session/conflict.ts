import { ToolkitError } from '../../src/errors.js';
import type { StoredFields } from '../../src/sessions/index.js';

/** Two requests that changed the same property. What a request deleted, or found nothing of, is undefined. */
export interface SessionConflict {
  readonly property: string;
  /** What this request had loaded. */
  readonly before: unknown;
  /** What another request has stored since. */
  readonly theirs: unknown;
  /** What this request would store. */
  readonly ours: unknown;
}

export type OnConflict = 'overwrite' | 'fail' | ((conflict: SessionConflict) => unknown);

/** What to store for each property in conflict. @throws ToolkitError `SESSION_CONFLICT` */
export function resolveConflicts(
  onConflict: OnConflict,
  theirs: StoredFields,
  before: StoredFields,
  ours: StoredFields,
): Map<string, unknown> {
  if (typeof onConflict !== 'function') throw conflictIn([...theirs.keys()]);
  return new Map(
    [...theirs].map(([property, json]) => [
      property,
      onConflict({
        property,
        before: parse(before.get(property)),
        theirs: parse(json),
        ours: parse(ours.get(property)),
      }),
    ]),
  );
}

export function conflictIn(properties: readonly string[]): ToolkitError {
  return new ToolkitError(
    'SESSION_CONFLICT',
    `session: another request changed ${properties.map((name) => `"${name}"`).join(', ')} meanwhile`,
  );
}

const parse = (json: string | undefined): unknown => (json ? JSON.parse(json) : undefined);
