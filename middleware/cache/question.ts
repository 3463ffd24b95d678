import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { normalisedUrl, type QueryParams } from '../../src/tags/index.js';
import { sessionWasRead } from '../session/index.js';
import type { CacheSettings } from './options.js';

const ignore = () => undefined;

/** What a request asks of the cache. */
export interface Question {
  readonly id: string;
  readonly tags: readonly string[];
}

/** The target of a request (RFC 9110 §7.1) without its scheme. */
export function targetUri(req: Request, params?: QueryParams): string {
  // Node passes on whatever the client calls a host; a slash in it would pose as the beginning of the path.
  const host = (req.headers.host ?? '').toLowerCase().replaceAll('/', '%2F');
  return `${host}${normalisedUrl(req.originalUrl, params)}`;
}

// There are two or three; a Set of them would cost more than all the rest of a question.
export const distinct = (names: readonly string[]) =>
  names.filter((name, position) => names.indexOf(name) === position);

// In place of nothing the URL would do, under which credentials still make a difference.
export function ownKey(key: (req: Request) => string, req: Request): string {
  const given: unknown = key(req);
  if (typeof given === 'string' && given !== '') return given;
  // Nobody waits for what an async function returned: its failure would end the process.
  if (given instanceof Promise) given.catch(ignore);
  throw new ToolkitError(
    'CACHE_KEY_INVALID',
    `cacheResponse: the option "key" returned ${JSON.stringify(given)}: return a non-empty string`,
  );
}

// What a GET carries is no part of its URL, and some handlers read it.
const hasContent = ({ headers }: Request) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;

// A response that a session, which somebody has looked at, went into may be meant for one person.
export function isCacheable(req: Request, { ignoresCredentials, key }: CacheSettings): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false;
  if (!key && hasContent(req)) return false;
  return ignoresCredentials || !sessionWasRead(req);
}

export function isSame(a: Question, b: Question): boolean {
  return a.id === b.id && a.tags.length === b.tags.length && a.tags.every((tag, i) => tag === b.tags[i]);
}
