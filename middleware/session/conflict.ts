import { ToolkitError } from '../../src/errors.js';
import type { StoredFields } from '../../src/sessions/index.js';
import { wholeJson } from '../../src/whole-json.js';
import { resultError } from './callback-results.js';

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

/** Resolves to the value to store for each property in conflict. @throws ToolkitError `SESSION_CONFLICT` */
export async function resolveConflicts(
  onConflict: OnConflict,
  theirs: StoredFields,
  before: StoredFields,
  ours: StoredFields,
): Promise<ReadonlyMap<string, unknown>> {
  if (theirs.size === 0) return new Map();
  if (typeof onConflict !== 'function') throw conflictError([...theirs.keys()]);
  const resolve = async ([property, json]: [string, string]): Promise<[string, unknown]> => {
    const value = await onConflict({
      property,
      before: parsedProperty(before.get(property)),
      theirs: parsedProperty(json),
      ours: parsedProperty(ours.get(property)),
    });
    refuseUnstorable(property, value);
    return [property, value];
  };
  return new Map(await Promise.all([...theirs].map(resolve)));
}

// Undefined deletes the property. A function would do so too, and NaN or a Map would take the place of both values.
function refuseUnstorable(property: string, value: unknown): void {
  try {
    wholeJson(value);
  } catch (error) {
    const why = `: ${(error as Error).message}`;
    throw resultError('onConflict', 'a value that JSON can represent', value, ` for "${property}"${why}`);
  }
}

export function conflictError(properties: readonly string[]): ToolkitError {
  const names = properties.map((name) => `"${name}"`).join(', ');
  return new ToolkitError('SESSION_CONFLICT', `session: another request changed ${names} at the same time`);
}

const parsedProperty = (json: string | undefined): unknown => (json ? JSON.parse(json) : undefined);
