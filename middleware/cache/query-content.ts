import { createHash } from 'node:crypto';
import type { Request } from 'express';
import { readContent } from '../request-content.js';

const READ_WITHIN_MS = 10_000;
// The metadata of the content, besides its media type, that RFC 10008 §2.7 has in the key.
const METADATA = ['content-encoding', 'content-language', 'content-location'] as const;

/**
 * A digest of the content of a QUERY and of its metadata (RFC 10008 §2.7); undefined when the cache must stay out: the
 * content has no media type, is too large, came too slowly, or a parser has read it before. The handler reads it again.
 */
export async function queryDigest(req: Request, maxBytes: number): Promise<string | undefined> {
  const type = req.headers['content-type'];
  if (!type || wasRead(req)) return undefined;
  const content = await readContent(req, { maxBytes, timeoutMs: READ_WITHIN_MS });
  if (typeof content === 'string') return undefined;
  // Coded content is compared as it was sent: the coding is in the key, so it never equals the plain one.
  const metadata = [mediaType(type), ...METADATA.map((name) => req.headers[name] ?? null)];
  // JSON ends where its outermost bracket does, so metadata and content cannot trade bytes.
  return createHash('sha256').update(JSON.stringify(metadata)).update(content).digest('base64url');
}

// The handler may know bytes that the parsed value does not tell.
function wasRead(req: Request): boolean {
  const hasParsed = (req as { _body?: unknown })._body !== undefined;
  return hasParsed || req.readableDidRead || req.readableEnded || req.destroyed;
}

function mediaType(field: string): string {
  const end = field.indexOf(';');
  return end < 0
    ? field.trim().toLowerCase()
    : field.slice(0, end).trim().toLowerCase() + field.slice(end).trimEnd();
}
