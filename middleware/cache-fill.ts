import type { Request, Response } from 'express';
import type { Entry, EntryHead } from '../src/cache-record.js';
import { pinLate, pinVersions } from '../src/fill-start.js';
import type { FillOutcome, Turn } from '../src/fill-turns.js';
import { responseDirectives } from '../src/http/cache-control.js';
import { isNotModified, isSameRepresentation } from '../src/http/conditional.js';
import type { Fields } from '../src/http/fields.js';
import type { Arrived } from '../src/http/freshness.js';
import { mayReplaceError, requestDirectives } from '../src/http/reuse.js';
import { storedFields, updatedFields } from '../src/http/stored-fields.js';
import { keepForMs, type Terms, termsOf } from '../src/http/storing.js';
import { variantOf, varyNames } from '../src/http/vary.js';
import type { ResponseCache } from '../src/response-cache.js';
import type { CacheSettings } from './cache-response-options.js';
import { sendNotModified, serveEntry } from './cache-serve.js';
import { type CacheStatus, setCacheStatus } from './cache-status.js';
import { captureResponse, type Verdict } from './capture-response.js';
import { takeHandlerTags } from './handler-tags.js';
import { handlersFields, resetFields } from './response-fields.js';

/** A request that the handler answers. */
export interface Forwarded {
  readonly id: string;
  readonly tags: readonly string[];
  readonly fwd: NonNullable<CacheStatus['fwd']>;
  readonly turn: Turn;
  /** The request's fields before any were changed for the handler. */
  readonly asked: Fields;
  /** What the handler may validate, and what stands in for its errors. */
  readonly stale?: Entry;
  /** The client has its answer already. */
  readonly inBackground?: true;
}

/** Watches the handler's answer: stores it, has it refresh what is stored, or replaces it by what is stored. */
export function fill(
  cache: ResponseCache,
  forwarded: Forwarded,
  req: Request,
  res: Response,
  settings: CacheSettings,
  isPersonal: () => boolean,
): void {
  const { id, tags, fwd, turn, asked, stale } = forwarded;
  const requestedAt = Date.now();
  const before = res.getHeaders();
  const versions = pinVersions(tags, turn.start.versions);
  let named: readonly string[] = [];
  const { ttlSeconds, targets, ignoresCredentials } = settings;
  const rules = { ttlSeconds, targets, ignoresCredentials };
  let entryHead: EntryHead | undefined;
  let settled = false;

  const settle = (outcome: FillOutcome | Promise<FillOutcome>) => {
    settled = true;
    Promise.resolve(outcome).then(turn.end, () => turn.end('failed'));
  };
  const store = ({ head, body }: Entry) => {
    const keep = async (): Promise<FillOutcome> => {
      const pinned = await pinLate(cache.versions, turn.start, head.versions, named);
      if (!pinned) return 'failed';
      const entry = { head: { ...head, versions: pinned }, body };
      const stored = cache.store(id, entry, keepForMs(head.terms, head.fields, Date.now()));
      // Over one connection in one write: who goes on finds the entry.
      if (cache.keepsOrder) turn.end('stored');
      await stored;
      return 'stored';
    };
    // An outage is reported by the link; the next request fills again.
    settle(keep());
  };
  const drop = (entry: Entry) => settle(cache.drop(id, entry).then(() => 'unstorable'));
  const mayStore = () => versions !== undefined && !isPersonal() && !requestDirectives(asked).has('no-store');

  const headOf = (arrived: Arrived, terms: Terms): EntryHead => {
    const { directives } = responseDirectives(arrived.fields, targets);
    const vary = varyNames(arrived.fields) ?? [];
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

  /** Stores the fields of a 304 or a HEAD with the body that it spoke of. */
  const refresh = (entry: Entry, { fields, requestedAt, receivedAt }: Arrived): Entry => {
    const merged = { ...updatedFields(entry.head.fields, fields), ...dateAndAge(fields, receivedAt) };
    const arrived = { status: entry.head.status, fields: merged, requestedAt, receivedAt };
    const terms = termsOf(arrived, asked, rules);
    if (!isSameRepresentation(fields, entry.head.fields) || typeof terms === 'string') {
      drop(entry);
      return entry;
    }
    named = [...new Set([...named, ...Object.keys(entry.head.versions)])];
    const refreshed = { head: headOf(arrived, terms), body: entry.body };
    if (mayStore()) store(refreshed);
    return { ...refreshed, head: { ...refreshed.head, versions: entry.head.versions } };
  };

  const serveInstead = (entry: Entry, status: CacheStatus): Verdict => ({
    keep: false,
    instead() {
      if (forwarded.inBackground) return;
      const cookies = res.getHeader('set-cookie');
      resetFields(res, before);
      if (cookies !== undefined) res.setHeader('set-cookie', cookies);
      serveEntry(entry, req, res, status, asked);
    },
  });

  const onHead = (): Verdict => {
    named = takeHandlerTags(res);
    const arrived = {
      status: res.statusCode,
      fields: handlersFields(res, before),
      requestedAt,
      receivedAt: Date.now(),
    };
    const { status } = arrived;
    if (stale && status === 304) {
      return serveInstead(refresh(stale, arrived), { fwd, 'fwd-status': status, stored: mayStore() });
    }
    if (stale && mayReplaceError(status, stale.head.terms, requestDirectives(asked), Date.now())) {
      settle('failed');
      return serveInstead(stale, { fwd, 'fwd-status': status, detail: 'stale-if-error' });
    }
    if (req.method === 'HEAD') freshenByHead(arrived);
    const terms = req.method === 'GET' && mayStore() ? termsOf(arrived, asked, rules) : 'not-stored';
    if (typeof terms === 'string') {
      setCacheStatus(res, { fwd });
      if (stale && status < 500 && req.method === 'GET' && mayStore()) drop(stale);
      else settle('unstorable');
      return { keep: false, ...silent(forwarded) };
    }
    entryHead = headOf(arrived, terms);
    setCacheStatus(res, { fwd, stored: true });
    const isCurrent = status === 200 && isNotModified(conditions(asked, req), entryHead.fields);
    return {
      keep: true,
      ...(isCurrent ? { instead: () => sendNotModified(res) } : {}),
      ...silent(forwarded),
    };
  };

  // RFC 9111 §4.3.5: a HEAD that speaks of another representation makes the stored one old.
  const freshenByHead = (arrived: Arrived) => {
    if (!stale || arrived.status >= 500) return;
    const length = arrived.fields['content-length'];
    const isSame = length === undefined || Number(length) === stale.body.length;
    if (arrived.status === 200 && isSame) refresh(stale, arrived);
    else drop(stale);
  };

  captureResponse(res, {
    maxBodyBytes: settings.maxBodyBytes,
    onHead,
    onBody(body) {
      if (settled) return;
      // The session may have been read after the response began.
      if (body && entryHead && mayStore()) store({ head: entryHead, body });
      else settle(body ? 'unstorable' : 'failed');
    },
  });
  res.once('close', () => {
    if (!settled) settle('failed');
  });
}

const silent = ({ inBackground }: Forwarded) => (inBackground ? { instead() {} } : {});

// Only what was taken out of the request is answered here; what the handler has seen is its own to judge.
function conditions(asked: Fields, req: Request): Fields {
  const taken = ['if-none-match', 'if-modified-since'].filter((name) => asked[name] !== req.headers[name]);
  return Object.fromEntries(
    taken.flatMap((name) => (asked[name] === undefined ? [] : [[name, asked[name]]])),
  );
}

// A 304 without them was made now.
function dateAndAge(update: Fields, receivedAt: number): Fields {
  const date = update.date ?? new Date(receivedAt).toUTCString();
  return update.age === undefined ? { date } : { date, age: update.age };
}
