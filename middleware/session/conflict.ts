import { ToolkitError } from '../../src/errors.js';
import type { StoredFields } from '../../src/sessions/index.js';

/** Two requests changed the same property. A value is undefined where the property was deleted or did not exist. */
export interface SessionConflict {
  readonly property: string;
  /** The value that this request loaded. */
  readonly before: unknown;
  /** The value that another request has stored since. */
  readonly theirs: unknown;
  /** The value that this request wants to store. */
  readonly ours: unknown;
}

export type OnConflict = 'overwrite' | 'fail' | ((conflict: SessionConflict) => unknown);

/** Returns the value to store for each property in conflict. @throws ToolkitError `SESSION_CONFLICT` */
export function resolveConflicts(
  onConflict: OnConflict,
  theirs: StoredFields,
  before: StoredFields,
  ours: StoredFields,
): Map<string, unknown> {
  if (typeof onConflict !== 'function') throw conflictError([...theirs.keys()]);
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

export function conflictError(properties: readonly string[]): ToolkitError {
  const names = properties.map((name) => `"${name}"`).join(', ');
  return new ToolkitError('SESSION_CONFLICT', `session: another request changed ${names} at the same time`);
}

const parse = (json: string | undefined): unknown => (json ? JSON.parse(json) : undefined);
