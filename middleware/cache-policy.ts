import type { Request, Response } from 'express';
import CachePolicy from 'http-cache-semantics';
import { sha256 } from '../src/keys.js';

// What `ttlSeconds` may be applied to. Errors and "not found" are cached only when the handler says so.
const STATUSES_WITH_DEFAULT_TTL = new Set([200, 203, 204, 301, 308]);
const OWN_FRESHNESS = /(?:^|[\s,])(?:max-age|s-maxage|no-cache|no-store|private)\b/i;

const options = { shared: true } as const;

// All that freshness and selection depend on; the rest of the head is kept as the handler made it.
const DECISIVE = ['age', 'cache-control', 'date', 'etag', 'expires', 'last-modified', 'pragma', 'vary'];

type Headers = Record<string, string>;

/** The rules of RFC 9111 for a response about to be sent, as a shared cache sees it. */
export function policyFor(
  id: string,
  req: Request,
  res: Response,
  ttlSeconds: number | undefined,
): CachePolicy {
  const headers: Headers = { date: new Date().toUTCString() };
  for (const name of DECISIVE) if (res.hasHeader(name)) headers[name] = String(res.getHeader(name));
  const request = {
    method: 'GET',
    url: id,
    headers: { ...directives(req), ...namedByVary(req, headers.vary) },
  };
  const response = { status: res.statusCode, headers: withDefaultTtl(res.statusCode, headers, ttlSeconds) };
  return new CachePolicy(request, response, options);
}

/** Whether the response may be stored, and for longer than no time. */
export function mayStore(policy: CachePolicy, res: Response): boolean {
  return (
    policy.storable() &&
    policy.timeToLive() > 0 &&
    !res.hasHeader('set-cookie') &&
    res.getHeader('vary') !== '*'
  );
}

/** Whether a stored response answers this request without asking the handler. */
export function mayServe(policy: CachePolicy, id: string, req: Request): boolean {
  const { resh } = policy.toObject() as { resh: Headers };
  const headers = { ...directives(req), ...namedByVary(req, resh.vary) };
  return policy.satisfiesWithoutRevalidation({ method: 'GET', url: id, headers });
}

export function policyFrom(stored: object): CachePolicy {
  return CachePolicy.fromObject(stored as CachePolicy.CachePolicyObject);
}

// Only what Vary names is needed to compare requests, and a digest will do: cookies and credentials must not
// reach Redis.
function namedByVary(req: Request, vary: unknown): Headers {
  const named: Headers = {};
  for (const field of String(vary ?? '').split(',')) {
    const name = field.trim().toLowerCase();
    const value = req.headers[name];
    if (value !== undefined) named[name] = sha256(String(value));
  }
  return named;
}

function directives({ headers }: Request): Headers {
  const given: Headers = {};
  for (const name of ['cache-control', 'pragma'] as const) {
    if (headers[name] !== undefined) given[name] = headers[name];
  }
  if (headers.authorization !== undefined) given.authorization = 'present';
  return given;
}

// The handler's own words about freshness win; `private` and `no-store` forbid storing whatever the option says.
function withDefaultTtl(status: number, headers: Headers, ttlSeconds: number | undefined): Headers {
  const control = headers['cache-control'] ?? '';
  if (ttlSeconds === undefined || !STATUSES_WITH_DEFAULT_TTL.has(status)) return headers;
  if (OWN_FRESHNESS.test(control) || headers.expires !== undefined) return headers;
  return { ...headers, 'cache-control': `${control}${control && ', '}s-maxage=${ttlSeconds}` };
}
