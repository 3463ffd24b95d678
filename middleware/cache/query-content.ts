import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { Lookup } from '../../src/cache/index.js';
import type { Fields } from '../../src/http/fields.js';
import { jsonForm } from '../../src/http/json-form.js';
import { requestDirectives } from '../../src/http/stale-by-age.js';
import { readContent } from '../request-content.js';
import type { Before } from '../stack/index.js';
import type { RequestedEntry } from './requested-entry.js';

/** The look-up of a request, and who could change the request since. */
export interface AskedLookup {
  readonly requested: RequestedEntry;
  readonly found: Promise<Lookup>;
  readonly before: Before;
}

/** What is known of a QUERY when its content has arrived. */
export interface AskedQuery {
  /** The digest of its content; undefined when the cache must stay out. */
  readonly content: string | undefined;
  /** Undefined when the entry could not be named yet. */
  readonly lookup: AskedLookup | undefined;
}

const READ_WITHIN_MS = 10_000;
// The metadata of the content, besides its media type, that RFC 10008 §2.7 has in the key.
const METADATA = ['content-encoding', 'content-language', 'content-location'] as const;

interface QueryRules {
  readonly maxQueryBytes: number;
  readonly normaliseQuery: boolean;
}

/** Reads the content of a QUERY and looks its response up, in the same turn if the content came with the fields. */
export async function askQuery(
  req: Request,
  rules: QueryRules,
  lookUp: (content: string) => AskedLookup | undefined,
): Promise<AskedQuery> {
  const content = await queryDigest(req, rules);
  if (content === undefined) return { content, lookup: undefined };
  try {
    return { content, lookup: lookUp(content) };
  } catch {
    // What `key` and `tags` read may not be there yet. They are asked again, and their errors count, when the step acts.
    return { content, lookup: undefined };
  }
}

/**
 * A digest of the content of a QUERY and of its metadata (RFC 10008 §2.7); undefined when the cache must stay out: the
 * content has no media type, is too large, came too slowly, or a parser has read it before. The handler reads it again.
 */
async function queryDigest(
  req: Request,
  { maxQueryBytes: maxBytes, normaliseQuery }: QueryRules,
): Promise<string | undefined> {
  const type = req.headers['content-type'];
  if (!type || wasRead(req)) return undefined;
  const content = await readContent(req, { maxBytes, timeoutMs: READ_WITHIN_MS });
  if (typeof content === 'string') return undefined;
  // Coded content is compared as it was sent: the coding is in the key, so it never equals the plain one.
  const metadata = [mediaType(type), ...METADATA.map((name) => req.headers[name] ?? null)];
  const form = normaliseQuery ? formOf(req, type, content) : undefined;
  if (form !== undefined) metadata.push('normalised');
  // JSON ends where its outermost bracket does, so metadata and content cannot trade bytes.
  return createHash('sha256')
    .update(JSON.stringify(metadata))
    .update(form ?? content)
    .digest('base64url');
}

// One media type (RFC 9110 §8.3.1), which a list of them is not.
const JSON_TYPE = /^[\w!#$%&'*+.^`|~-]+\/(?:[\w!#$%&'*+.^`|~-]+\+)?json[ \t]*(?:;|$)/i;
const OTHER_CHARSET = /;\s*charset\s*=\s*(?!"?utf-8"?\s*(?:;|$))/i;

// RFC 10008 §2.7 lets a cache normalise by the media type, unless the client asks it not to.
function formOf(req: Request, type: string, content: Buffer): string | undefined {
  const isJson =
    JSON_TYPE.test(type) && !OTHER_CHARSET.test(type) && req.headers['content-encoding'] === undefined;
  if (!isJson || requestDirectives(req.headers as Fields).has('no-transform') || !isUtf8(content))
    return undefined;
  return jsonForm(content.toString());
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
