import { ToolkitError } from '../../src/errors.js';
import { type SessionStore, type StoredFields, SYSTEM_FIELDS } from '../../src/sessions/index.js';

/** A write without an answer, which Redis may have executed: what it wrote is not the work of others. */
export type UnansweredWrite = WrittenFields | undefined;

interface WrittenFields {
  readonly now: StoredFields;
  readonly set: StoredFields;
  readonly deleted: readonly string[];
}

/**
 * The stored form of a new session whose id is in use: by this very session if an earlier answer was lost, because nobody
 * else knows the id yet.
 *
 * @throws ToolkitError `SESSION_ID_IN_USE` when it is another one
 */
export async function ownSession(
  store: SessionStore,
  id: string,
  unanswered: UnansweredWrite,
): Promise<Map<string, string>> {
  const there = unanswered && (await store.peek(id));
  if (!there || !hasSameFields(there.fields, unanswered.now)) throw idInUse();
  const stored = new Map(there.fields);
  // Its entry in the index of its user may be missing. The next write makes it.
  stored.delete(SYSTEM_FIELDS.user);
  return stored;
}

/** The conflicting values without those of the own write. */
export function ofOthers(theirs: StoredFields, unanswered: UnansweredWrite): StoredFields {
  if (!unanswered) return theirs;
  const { set, deleted } = unanswered;
  const isOwn = (name: string, json: string) =>
    json === '' ? deleted.includes(name) : set.get(name) === json;
  return new Map([...theirs].filter(([name, json]) => !isOwn(name, json)));
}

const hasSameFields = (one: StoredFields, other: StoredFields): boolean =>
  one.size === other.size && [...one].every(([name, json]) => other.get(name) === json);

function idInUse(): ToolkitError {
  const message =
    'session: genid returned the id of a session that exists; return another, unguessable id for each session';
  return new ToolkitError('SESSION_ID_IN_USE', message);
}
