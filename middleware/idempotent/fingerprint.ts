import { createHash } from 'node:crypto';
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
  const hash = createHash('sha256').update(`${req.originalUrl}\n${req.headers['content-type'] ?? ''}\n`);
  if (fingerprint) {
    hash.update(jsonOf(await fingerprint(req)));
    return { digest: hash.digest('base64url') };
  }
  const content = await contentOf(req, maxContentBytes);
  if (typeof content === 'string') return { failure: content };
  return { digest: hash.update(content).digest('base64url') };
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

async function contentOf(req: Request, maxBytes: number): Promise<Buffer | ContentFailure> {
  const body: unknown = req.body;
  // Express 4 has an empty object there before any parser ran.
  const isParsed = body !== undefined && (req as { _body?: unknown })._body !== undefined;
  if (!isParsed && !req.readableEnded) return readContent(req, { maxBytes, timeoutMs: CONTENT_TIMEOUT_MS });
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));
}
