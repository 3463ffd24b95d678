import type { Request, Response } from 'express';
import type { Entry, EntryHead, ResponseCache } from '../../src/cache/index.js';
import { isNotModified } from '../../src/http/conditional.js';
import { isCompressible } from '../../src/http/content-coding.js';
import type { Fields } from '../../src/http/fields.js';
import type { Arrived } from '../../src/http/freshness.js';
import { errorIsTolerated, mayReplaceError } from '../../src/http/stale-by-age.js';
import type { FillOutcome } from '../../src/single-flight/index.js';
import { setTimeout } from '../../src/timers.js';
import {
  type CaptureDecision,
  captureResponse,
  handlersFields,
  headersNow,
  resetFields,
} from '../response/index.js';
import { type CacheStatus, setCacheStatus } from './cache-status.js';
import { EntryWriter } from './entry-writer.js';
import type { Forwarded } from './handler-decision.js';
import { tagsNamed, takeHandlerTags } from './handler-tags.js';
import { sendNotModified, serveEntry } from './serve-entry.js';
import type { CacheSettings } from './settings.js';

// For so long requests wait for the answer to a client that has left.
const LEFT_ANSWER_MS = 1_000;

/** Watches the handler's answer: stores it, has it refresh the stored response, or sends that in its place. */
export function watchHandler(
  cache: ResponseCache,
  forwarded: Forwarded,
  req: Request,
  res: Response,
  settings: CacheSettings,
): void {
  const requestedAt = Date.now();
  const before = headersNow(res);
  const writer = new EntryWriter(cache, forwarded, settings, req);
  let entryHead: EntryHead | undefined;

  captureResponse(res, {
    maxBodyBytes: settings.maxBodyBytes,
    onHead() {
      writer.nameTags(takeHandlerTags(res));
      const fields = handlersFields(res, before, settings.targets);
      const arrived = { status: res.statusCode, fields, requestedAt, receivedAt: Date.now() };
      const standIn = standInFor(arrived, forwarded, writer, settings);
      if (standIn) return answerWith(standIn, forwarded, () => resetToBefore(res, before), req, res);
      if (req.method === 'HEAD') freshenByHead(arrived, forwarded, writer);
      entryHead = headToStore(arrived, writer, req, settings);
      settings.watchCookies(req, writer.personalBy);
      return passOn(entryHead, forwarded, writer, req, res, settings);
    },
    onTooLarge() {
      if (!writer.isSettled) writer.settle('unstorable');
    },
    onBody(body) {
      if (writer.isSettled) return;
      writer.nameTags(tagsNamed(res));
      // The session may have been read after the response began.
      if (body && entryHead && writer.mayUse) writer.store({ head: entryHead, body });
      else writer.settle(body ? 'unstorable' : 'failed');
    },
    onBroken(by) {
      const end = (outcome: FillOutcome) => void (writer.isSettled || writer.settle(outcome));
      if (by === 'application') return end('failed');
      // Without its client the handler may still complete its answer, for the requests that wait for it; a stream that is
      // not piped any more does not.
      res.once('unpipe', () => end('abandoned'));
      // A handler that heard of the leave may never answer. If it does, its answer is stored all the same.
      setTimeout(() => forwarded.right.end('abandoned'), LEFT_ANSWER_MS).unref();
    },
  });
}

function headToStore(
  arrived: Arrived,
  writer: EntryWriter,
  req: Request,
  { maxBodyBytes }: CacheSettings,
): EntryHead | undefined {
  if (req.method === 'HEAD') return writer.refuse('head');
  const isTooLarge = Number(arrived.fields['content-length']) > maxBodyBytes;
  return isTooLarge ? writer.refuse('too-large') : writer.headOf(arrived);
}

interface StandIn {
  readonly entry: Entry;
  readonly status: CacheStatus;
}

/** The stored response that is sent in place of the handler's 304 or error. */
function standInFor(
  arrived: Arrived,
  { fwd, asked, stale, lastResort }: Forwarded,
  writer: EntryWriter,
  { wantedBy }: CacheSettings,
): StandIn | undefined {
  const { status } = arrived;
  if (stale && status === 304) {
    const entry = writer.refresh(stale, arrived);
    return { entry, status: { fwd, 'fwd-status': status, ...writer.storing } };
  }
  const entry = stale ?? lastResort;
  const isReplaced = stale
    ? mayReplaceError(status, stale.head.terms, wantedBy(asked), Date.now())
    : lastResort !== undefined && errorIsTolerated(status, lastResort.head.terms, Date.now());
  if (!entry || !isReplaced) return undefined;
  writer.settle('failed', { failedWith: status });
  return { entry, status: { fwd, 'fwd-status': status, detail: 'stale-if-error' } };
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
function resetToBefore(res: Response, before: ReturnType<Response['getHeaders']>): void {
  const cookies = res.getHeader('set-cookie');
  resetFields(res, before);
  if (cookies !== undefined) res.setHeader('set-cookie', cookies);
}

/** Sends the handler's own answer to the client, and keeps it if it has a head to be stored under. */
function passOn(
  entryHead: EntryHead | undefined,
  { fwd, asked, stale, inBackground }: Forwarded,
  writer: EntryWriter,
  req: Request,
  res: Response,
  { compressAboveBytes }: CacheSettings,
): CaptureDecision {
  // In the background the client has its answer, and its status, already.
  if (!inBackground) setCacheStatus(res, { fwd, ...writer.storing });
  if (entryHead) {
    // Its length is not known yet; the next client may have it in another coding.
    if (compressAboveBytes !== undefined && isCompressible(entryHead)) res.vary('Accept-Encoding');
    const isCurrent = res.statusCode === 200 && isNotModified(takenOut(asked, req), entryHead.fields);
    return { keep: true, ...(isCurrent && { instead: () => sendNotModified(res) }) };
  }
  // An answer that the handler forbids to store has taken the place of the stored one.
  if (stale && res.statusCode < 500 && req.method !== 'HEAD' && writer.mayStore) writer.drop(stale);
  else if (!writer.isSettled) writer.settle('unstorable');
  return { keep: false };
}

// RFC 9111 §4.3.5: the answer to a HEAD about another representation makes the stored one stale.
function freshenByHead(arrived: Arrived, { stale }: Forwarded, writer: EntryWriter): void {
  if (!stale || arrived.status >= 500) return;
  const length = arrived.fields['content-length'];
  const isSame = length === undefined || Number(length) === stale.body.length;
  if (arrived.status === 200 && isSame) writer.refresh(stale, arrived);
  else writer.drop(stale);
}

// Only conditions that were taken out of the request are answered here; the handler judges those that it has seen.
function takenOut(asked: Fields, req: Request): Fields {
  const names = ['if-none-match', 'if-modified-since'].filter((name) => asked[name] !== req.headers[name]);
  return Object.fromEntries(
    names.flatMap((name) => (asked[name] === undefined ? [] : [[name, asked[name]]])),
  );
}
