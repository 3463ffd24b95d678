import { createHash, type Hash } from 'node:crypto';
import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { kindOf } from '../../src/kind-of.js';
import { wholeJson } from '../../src/whole-json.js';
import { type ContentFailure, readContent } from '../request-content.js';
import type { IdempotentSettings } from './options.js';

const CONTENT_TIMEOUT_MS = 30_000;

/** A digest of the target, the media type and the content of a request. */
export async function fingerprintOf(
  req: Request,
  { fingerprint, maxContentBytes }: IdempotentSettings,
): Promise<{ readonly digest: string } | { readonly failure: ContentFailure }> {
  const { type, boundary } = mediaTypeOf(req.headers['content-type'] ?? '');
  const hash = createHash('sha256').update(`${req.originalUrl}\n${type}\n`);
  if (fingerprint) {
    hash.update(jsonOf(await fingerprint(req)));
    return { digest: hash.digest('base64url') };
  }
  if (wasParsed(req)) return { digest: hash.update(parsedContent(req.body)).digest('base64url') };
  const content = await readContent(req, { maxBytes: maxContentBytes, timeoutMs: CONTENT_TIMEOUT_MS });
  if (typeof content === 'string') return { failure: content };
  hash.update(`${req.headers['content-encoding'] ?? ''}\n`);
  updateWithParts(hash, content, boundary);
  return { digest: hash.digest('base64url') };
}

// Under an empty text, or the `{}` of a Map, one content could not be told from another.
function jsonOf(value: unknown): string {
  try {
    const json = wholeJson(value);
    if (json !== undefined) return json;
  } catch (cause) {
    throw invalidFingerprint(kindOf(value), cause);
  }
  throw invalidFingerprint('undefined');
}

function invalidFingerprint(kind: string, cause?: unknown): ToolkitError {
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  const message = `idempotent: the function "fingerprint" returned ${kind}${why}; it must return a value for JSON`;
  return new ToolkitError('IDEMPOTENCY_FINGERPRINT_INVALID', message, { cause });
}

function wasParsed(req: Request): boolean {
  // Express 4 has an empty object there before any parser ran.
  const isMarked = req.body !== undefined && (req as { _body?: unknown })._body !== undefined;
  return isMarked || req.readableEnded;
}

function parsedContent(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));
}

const BOUNDARY = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;]+))/i;

// A client that builds its form anew for each attempt chooses another boundary.
function mediaTypeOf(field: string): { type: string; boundary?: string } {
  const found = /^\s*multipart\//i.test(field) ? BOUNDARY.exec(field) : null;
  return found ? { type: field.replace(BOUNDARY, ''), boundary: (found[1] ?? found[2])! } : { type: field };
}

function updateWithParts(hash: Hash, content: Buffer, boundary: string | undefined): void {
  if (!boundary) return void hash.update(content);
  const delimiter = Buffer.from(`--${boundary}`);
  let start = 0;
  for (let end = 0; end !== -1; start = end + delimiter.length) {
    end = content.indexOf(delimiter, start);
    const part = content.subarray(start, end < 0 ? content.length : end);
    // With their lengths: parts cannot trade bytes.
    hash.update(`${part.length}\n`).update(part);
  }
}
