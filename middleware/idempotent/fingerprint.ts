import { createHash } from 'node:crypto';
import type { Request } from 'express';
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
    hash.update(JSON.stringify(await fingerprint(req)) ?? '');
    return { digest: hash.digest('base64url') };
  }
  const content = await contentOf(req, maxContentBytes);
  if (typeof content === 'string') return { failure: content };
  return { digest: hash.update(content).digest('base64url') };
}

async function contentOf(req: Request, maxBytes: number): Promise<Buffer | ContentFailure> {
  const body: unknown = req.body;
  // Express 4 has an empty object there before any parser ran.
  const isParsed = body !== undefined && (req as { _body?: unknown })._body !== undefined;
  if (!isParsed && !req.readableEnded) return readContent(req, { maxBytes, timeoutMs: CONTENT_TIMEOUT_MS });
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));
}
