import type { Request, Response } from 'express';
import type { Entry } from '../../src/cache/index.js';
import { byteRange } from '../../src/http/byte-range.js';
import { isNotModified, rangeIsCurrent } from '../../src/http/conditional.js';
import { codedFields, takesCoding, varyByCoding } from '../../src/http/content-coding.js';
import type { Fields } from '../../src/http/fields.js';
import { ageAt } from '../../src/http/storing.js';
import { copyFields } from '../response/index.js';
import { type CacheStatus, setCacheStatus } from './cache-status.js';

// Node writes head and body as one when the body is text of the head's encoding, in which a character is a byte.
const TOGETHER_BYTES = 16_384;

/** Answers from a stored response: in full, in part, or that the client's copy is current. */
export function serveEntry(
  entry: Entry,
  req: Request,
  res: Response,
  status: CacheStatus,
  asked: Fields = req.headers as Fields,
): void {
  // A middleware with a time limit has answered while this request waited.
  if (res.headersSent) return;
  const { head, isNear } = entry;
  const { terms } = head;
  const { fields, body } = representationFor(entry, asked);
  const age = Math.floor(ageAt(terms, Date.now()));
  if (res.statusCode !== head.status) res.status(head.status);
  // The handler's own, of a 304 or an error, would go out with this status.
  if (res.statusMessage) res.statusMessage = '';
  copyFields(res, fields);
  res.setHeader('Age', age);
  const near = isNear && status.hit ? ({ detail: 'near' } as const) : {};
  setCacheStatus(res, { ...status, ttl: Math.floor(terms.lifetime - age), ...near });
  if (head.status !== 200) sendBody(req, res, body);
  else if (isNotModified(asked, fields)) sendNotModified(res);
  // A Range means something to GET alone (RFC 9110 §14.2).
  else sendBody(req, res, req.method === 'GET' ? partOf(body, asked, fields, res) : body);
}

// Only one of the two has its bytes ready.
function representationFor(entry: Entry, asked: Fields): { fields: Fields; body: Buffer } {
  const { head, coded } = entry;
  if (!coded) return { fields: head.fields, body: entry.body };
  const fields = { ...head.fields, vary: varyByCoding(head.fields) };
  const coding = head.coding!;
  return takesCoding(asked, coding)
    ? { fields: codedFields(fields, coding), body: coded }
    : { fields, body: entry.body };
}

/** A 304 has the fields that update the client's copy, and none about a body (RFC 9110 §15.4.5). */
export function sendNotModified(res: Response): void {
  for (const name of ['Content-Type', 'Content-Length', 'Content-Encoding', 'Content-Range'])
    res.removeHeader(name);
  res.statusMessage = '';
  res.status(304).end();
}

function partOf(body: Buffer, asked: Fields, stored: Fields, res: Response): Buffer {
  if (asked.range === undefined || !rangeIsCurrent(asked, stored)) return body;
  const part = byteRange(String(asked.range), body.length);
  if (part === undefined) return body;
  if (part === 'unsatisfiable') {
    res.status(416).setHeader('Content-Range', `bytes */${body.length}`);
    return Buffer.alloc(0);
  }
  res.status(206).setHeader('Content-Range', `bytes ${part.first}-${part.last}/${body.length}`);
  return body.subarray(part.first, part.last + 1);
}

function sendBody(req: Request, res: Response, bytes: Buffer): void {
  if (res.statusCode !== 204) res.setHeader('Content-Length', bytes.length);
  if (req.method === 'HEAD') res.end();
  else if (bytes.length <= TOGETHER_BYTES) res.end(bytes.toString('latin1'), 'latin1');
  else res.end(bytes);
}
