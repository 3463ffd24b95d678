import type { Request } from 'express';
import { type Entry, type EntryHead, packed, type ResponseCache } from '../../src/cache/index.js';
import { responseDirectives } from '../../src/http/cache-control.js';
import { isSameRepresentation } from '../../src/http/conditional.js';
import type { Fields } from '../../src/http/fields.js';
import type { Arrived } from '../../src/http/freshness.js';
import { storedFields, updatedFields } from '../../src/http/stored-fields.js';
import { keepForMs, termsOf } from '../../src/http/storing.js';
import { variantOf, varyNames } from '../../src/http/vary.js';
import type { FillOutcome } from '../../src/single-flight/index.js';
import { pinLate, pinVersions } from '../../src/tags/index.js';
import type { Forwarded } from './forwarded.js';
import { type PersonalBy, personalBy } from './personal.js';
import { isForOnePerson } from './question.js';
import type { CacheSettings } from './settings.js';

/** What becomes of the cache by one handler call, under the versions that were current before it. */
export function fillingOf(
  cache: ResponseCache,
  { id, tags, turn, asked }: Forwarded,
  settings: CacheSettings,
  req: Request,
) {
  const { ttlSeconds, targets, ignoresCredentials, wantedBy } = settings;
  const { compressAboveBytes = Number.POSITIVE_INFINITY } = settings;
  const versions = pinVersions(tags, turn.start.versions);
  const rules = { ttlSeconds, targets, ignoresCredentials };
  const named = new Set<string>();
  let settled = false;
  let personal: PersonalBy | undefined;

  const settle = (outcome: FillOutcome | Promise<FillOutcome>) => {
    settled = true;
    Promise.resolve(outcome).then(turn.end, () => turn.end('failed'));
  };
  const mayStore = () =>
    versions !== undefined && !isForOnePerson(req, settings) && !wantedBy(asked).has('no-store');

  const keep = async ({ head, body }: Entry): Promise<FillOutcome> => {
    const pinned = await pinLate(cache.versions, turn.start, head.versions, [...named]);
    if (!pinned) return 'invalidated';
    const entry = await packed({ head: { ...head, versions: pinned }, body }, compressAboveBytes);
    const stored = cache.store(id, entry, keepForMs(head.terms, head.fields, Date.now()));
    // Over one connection in one write: who goes on finds the entry.
    if (cache.keepsOrder) turn.end('stored');
    await stored;
    return 'stored';
  };
  // An outage is reported by the link; the next request fills again.
  const store = (entry: Entry) => settle(keep(entry));
  const drop = (entry: Entry) => settle(cache.drop(id, entry).then(() => 'unstorable'));

  /** The head under which a response is stored; nothing when it may not be. */
  const headOf = (arrived: Arrived): EntryHead | undefined => {
    const terms = mayStore() ? termsOf(arrived, asked, rules) : 'not-stored';
    if (typeof terms === 'string') return undefined;
    const { directives } = responseDirectives(arrived.fields, targets);
    const vary = varyNames(arrived.fields) ?? [];
    // Passport and the like may have told who it is only after the cache was asked.
    personal = terms.isImplied ? personalBy(req, settings, vary) : undefined;
    if (personal) return undefined;
    const date = new Date(arrived.receivedAt).toUTCString();
    const fields = { date, ...storedFields(arrived.fields, directives) };
    return {
      status: arrived.status,
      fields,
      terms,
      versions: versions!,
      vary,
      variant: variantOf(vary, asked),
    };
  };

  /** The entry with the fields of a 304 or a HEAD that spoke of it, stored anew; or as it was, and forgotten. */
  const refresh = (entry: Entry, update: Arrived): Entry => {
    const { requestedAt, receivedAt } = update;
    const fields = { ...updatedFields(entry.head.fields, update.fields), ...dateAndAge(update) };
    for (const tag of Object.keys(entry.head.versions)) named.add(tag);
    const isSame = isSameRepresentation(update.fields, entry.head.fields);
    const head = isSame ? headOf({ status: entry.head.status, fields, requestedAt, receivedAt }) : undefined;
    if (head) store({ head, body: entry.body });
    else if (mayStore()) drop(entry);
    else settle('unstorable');
    return head ? { head, body: entry.body } : entry;
  };

  return {
    settle,
    isSettled: () => settled,
    mayStore,
    /** Why a response that says nothing about its freshness was not stored. */
    personalBy: () => personal,
    nameTags: (more: readonly string[]) => {
      for (const tag of more) named.add(tag);
    },
    headOf,
    store,
    drop,
    refresh,
  };
}

export type Filling = ReturnType<typeof fillingOf>;

// A 304 without them was made now.
function dateAndAge({ fields, receivedAt }: Arrived): Fields {
  const date = fields.date ?? new Date(receivedAt).toUTCString();
  return fields.age === undefined ? { date } : { date, age: fields.age };
}
