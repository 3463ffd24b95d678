import type { Request, Response } from 'express';
import type { Entry, EntryHead, ResponseCache } from '../../src/cache/index.js';
import { isNotModified } from '../../src/http/conditional.js';
import { isCompressible } from '../../src/http/content-coding.js';
import type { Fields } from '../../src/http/fields.js';
import type { Arrived } from '../../src/http/freshness.js';
import { mayReplaceError } from '../../src/http/reuse.js';
import {
  type CaptureDecision,
  captureResponse,
  handlersFields,
  headersNow,
  resetFields,
} from '../response/index.js';
import { type CacheStatus, setCacheStatus } from './cache-status.js';
import { type Filling, fillingOf } from './entry-writer.js';
import type { Forwarded } from './forwarded.js';
import { tagsNamed, takeHandlerTags } from './handler-tags.js';
import { sendNotModified, serveEntry } from './serve-entry.js';
import type { CacheSettings } from './settings.js';

/** Watches the handler's answer: stores it, has it refresh what is stored, or replaces it by what is stored. */
export function fill(
  cache: ResponseCache,
  forwarded: Forwarded,
  req: Request,
  res: Response,
  settings: CacheSettings,
): void {
  const requestedAt = Date.now();
  const before = headersNow(res);
  const filling = fillingOf(cache, forwarded, settings, req);
  let entryHead: EntryHead | undefined;

  captureResponse(res, {
    maxBodyBytes: settings.maxBodyBytes,
    onHead() {
      filling.nameTags(takeHandlerTags(res));
      const fields = handlersFields(res, before, settings.targets);
      const arrived = { status: res.statusCode, fields, requestedAt, receivedAt: Date.now() };
      const standIn = standInFor(arrived, forwarded, filling, settings);
      if (standIn) return answerWith(standIn, forwarded, () => resetToBefore(res, before), req, res);
      if (req.method === 'HEAD') freshenByHead(arrived, forwarded, filling);
      const fits = !(Number(fields['content-length']) > settings.maxBodyBytes);
      entryHead = req.method === 'GET' && fits ? filling.headOf(arrived) : undefined;
      settings.watchCookies(req, filling.personalBy());
      return passOn(entryHead, forwarded, filling, req, res, settings);
    },
    onTooLarge() {
      if (!filling.isSettled()) filling.settle('unstorable');
    },
    onBody(body) {
      if (filling.isSettled()) return;
      filling.nameTags(tagsNamed(res));
      // The session may have been read after the response began.
      if (body && entryHead && filling.mayStore()) filling.store({ head: entryHead, body });
      else filling.settle(body ? 'unstorable' : 'failed');
    },
  });
  res.once('close', () => {
    if (!filling.isSettled()) filling.settle('failed');
  });
}

interface StandIn {
  readonly entry: Entry;
  readonly status: CacheStatus;
}

/** The stored response that is sent in place of the handler's 304 or error. */
function standInFor(
  arrived: Arrived,
  { fwd, asked, stale }: Forwarded,
  filling: Filling,
  { wantedBy }: CacheSettings,
): StandIn | undefined {
  if (!stale) return undefined;
  const { status } = arrived;
  if (status === 304) {
    const entry = filling.refresh(stale, arrived);
    return { entry, status: { fwd, 'fwd-status': status, stored: filling.mayStore() } };
  }
  if (!mayReplaceError(status, stale.head.terms, wantedBy(asked), Date.now())) return undefined;
  filling.settle('failed');
  return { entry: stale, status: { fwd, 'fwd-status': status, detail: 'stale-if-error' } };
}

function answerWith(
  { entry, status }: StandIn,
  { asked, inBackground }: Forwarded,
  reset: () => void,
  req: Request,
  res: Response,
): CaptureDecision {
  const instead = () => {
    if (inBackground) return void res.end();
    reset();
    serveEntry(entry, req, res, status, asked);
  };
  return { keep: false, instead };
}

// The cookies of a 304 or of an error are for this client.
export function resetToBefore(res: Response, before: ReturnType<Response['getHeaders']>): void {
  const cookies = res.getHeader('set-cookie');
  resetFields(res, before);
  if (cookies !== undefined) res.setHeader('set-cookie', cookies);
}

/** The handler's own answer goes to the client; kept when it has a head to be stored under. */
function passOn(
  entryHead: EntryHead | undefined,
  { fwd, asked, stale }: Forwarded,
  filling: Filling,
  req: Request,
  res: Response,
  { compressAboveBytes }: CacheSettings,
): CaptureDecision {
  const detail = entryHead ? undefined : filling.personalBy();
  setCacheStatus(res, { fwd, stored: entryHead !== undefined, ...(detail && { detail }) });
  if (entryHead) {
    // Its length is not known yet; the next client may have it in another coding.
    if (compressAboveBytes !== undefined && isCompressible(entryHead)) res.vary('Accept-Encoding');
    const isCurrent = res.statusCode === 200 && isNotModified(takenOut(asked, req), entryHead.fields);
    return { keep: true, ...(isCurrent && { instead: () => sendNotModified(res) }) };
  }
  // What the handler says now, and forbids to store, has taken the place of what is stored.
  if (stale && res.statusCode < 500 && req.method === 'GET' && filling.mayStore()) filling.drop(stale);
  else if (!filling.isSettled()) filling.settle('unstorable');
  return { keep: false };
}

// RFC 9111 §4.3.5: a HEAD that speaks of another representation makes the stored one old.
function freshenByHead(arrived: Arrived, { stale }: Forwarded, filling: Filling): void {
  if (!stale || arrived.status >= 500) return;
  const length = arrived.fields['content-length'];
  const isSame = length === undefined || Number(length) === stale.body.length;
  if (arrived.status === 200 && isSame) filling.refresh(stale, arrived);
  else filling.drop(stale);
}

// Only what was taken out of the request is answered here; what the handler has seen is its own to judge.
function takenOut(asked: Fields, req: Request): Fields {
  const names = ['if-none-match', 'if-modified-since'].filter((name) => asked[name] !== req.headers[name]);
  return Object.fromEntries(
    names.flatMap((name) => (asked[name] === undefined ? [] : [[name, asked[name]]])),
  );
}
