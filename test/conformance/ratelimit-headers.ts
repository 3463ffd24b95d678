/** One request of a row, and what its answer must be. Plain data. */
export interface Exchange {
  /** The handlers: `/` answers 200, `/moved` 302, `/own-429` 429 with `max-age=60`, `/twice` behind a second limiter. */
  readonly path?: '/' | '/moved' | '/own-429' | '/twice' | '/cached';
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** So often the same request and answer. */
  readonly times?: number;
  /** The client is blocked before the request. */
  readonly blockedMs?: number;
  /** 200 when it is not named. */
  readonly status?: number;
  /** `RateLimit-Policy`, whole; null: the field is absent. */
  readonly policy?: string | null;
  /** Of `RateLimit`, whose `t` is checked always: names and `r`; null: the field is absent. */
  readonly quotas?: readonly (readonly [name: string, r: number])[] | null;
  /** `Retry-After`: a number of seconds, `set` for any, or null for none. */
  readonly retryAfter?: number | 'set' | null;
  /** The fragment of the problem's type and the policies that it names; null: the answer is no problem. */
  readonly problem?: { readonly type: string; readonly violated: readonly string[] } | null;
  /** Other fields of the answer; null: the field is absent. */
  readonly sent?: Readonly<Record<string, string | null>>;
}

export interface Row {
  readonly says: string;
  readonly options?: Readonly<Record<string, unknown>>;
  /** No Redis answers. */
  readonly isAway?: true;
  readonly exchanges: readonly Exchange[];
}

const left = (r: number) => [['default', r]] as const;
const POLICY = '"default";q=5;w=66';
const asksForProblem = { Accept: 'application/problem+json' };
const none = { policy: null, quotas: null } as const;
const exhausted: Exchange = { status: 429, policy: POLICY, quotas: left(0), retryAfter: 'set' };
const burst = (limit: number, hourly: number) => ({
  limit: undefined,
  windowMs: undefined,
  policies: [
    { name: 'burst', limit, windowMs: 60_000 },
    { name: 'hourly', limit: hourly, windowMs: 3_600_000 },
  ],
});

/**
 * draft-ietf-httpapi-ratelimit-headers-11 and its problem types, as data. The limit is 5 in 60 s. A sliding window counts
 * a request for a tenth longer, and announces that time: `w=66`.
 */
export const ROWS: readonly Row[] = [
  {
    says: 'the first request has both fields',
    exchanges: [{ policy: POLICY, quotas: left(4), retryAfter: null }],
  },
  {
    says: 'the last request of the quota is answered, with r=0',
    exchanges: [{ times: 4 }, { policy: POLICY, quotas: left(0), retryAfter: null }],
  },
  {
    says: 'the one after it is refused, with Retry-After',
    exchanges: [{ times: 5 }, exhausted, exhausted],
  },
  {
    says: 'two policies are two members of both fields, in one order',
    options: burst(10, 1000),
    exchanges: [
      {
        policy: '"burst";q=10;w=66, "hourly";q=1000;w=3960',
        quotas: [
          ['burst', 9],
          ['hourly', 999],
        ],
      },
    ],
  },
  {
    says: 'a refusal by one of two policies names that one',
    options: burst(1, 5),
    exchanges: [
      {},
      {
        headers: asksForProblem,
        status: 429,
        quotas: [
          ['burst', 0],
          ['hourly', 4],
        ],
        problem: { type: 'quota-exceeded', violated: ['burst'] },
      },
    ],
  },
  {
    says: 'a refusal by two policies names both',
    options: burst(1, 1),
    exchanges: [
      {},
      {
        headers: asksForProblem,
        status: 429,
        problem: { type: 'quota-exceeded', violated: ['burst', 'hourly'] },
      },
    ],
  },
  {
    says: 'a second limiter on a route appends its members',
    exchanges: [
      {
        path: '/twice',
        policy: `${POLICY}, "second";q=3;w=66`,
        quotas: [
          ['default', 4],
          ['second', 2],
        ],
      },
    ],
  },
  {
    says: 'a request costs what the option says, and a refused one costs nothing',
    options: { cost: 3 },
    exchanges: [{ quotas: left(2) }, { status: 429, quotas: left(2) }, { status: 429, quotas: left(2) }],
  },
  {
    says: 'whoever accepts problem+json gets the type of the draft',
    exchanges: [
      { times: 5 },
      {
        ...exhausted,
        headers: asksForProblem,
        problem: { type: 'quota-exceeded', violated: ['default'] },
        sent: { 'Content-Type': 'application/problem+json; charset=utf-8', Vary: 'Accept' },
      },
    ],
  },
  {
    says: 'a browser gets text, which varies by Accept',
    exchanges: [
      { times: 5 },
      {
        ...exhausted,
        headers: { Accept: 'text/html, */*' },
        problem: null,
        sent: { 'Content-Type': 'text/plain; charset=utf-8', Vary: 'Accept' },
      },
    ],
  },
  {
    says: 'who accepts nothing by name gets text',
    exchanges: [
      { times: 5 },
      { ...exhausted, problem: null, sent: { 'Content-Type': 'text/plain; charset=utf-8' } },
    ],
  },
  {
    says: 'without Redis a closed limiter has reduced capacity, and invents no numbers',
    isAway: true,
    options: { onUnavailable: 'closed' },
    exchanges: [
      { ...none, status: 503, problem: { type: 'temporary-reduced-capacity', violated: ['default'] } },
    ],
  },
  {
    says: 'without Redis an open limiter answers without the fields',
    isAway: true,
    exchanges: [none],
  },
  {
    says: 'a blocked client has nothing left, and is told how long to wait',
    exchanges: [
      {
        blockedMs: 90_000,
        headers: asksForProblem,
        status: 429,
        quotas: left(0),
        retryAfter: 90,
        problem: { type: 'abnormal-usage-detected', violated: ['default'] },
      },
    ],
  },
  {
    says: 'a response from the cache has the fields of its own request',
    exchanges: [
      { path: '/cached', quotas: left(4) },
      { path: '/cached', quotas: left(3), sent: { 'Cache-Status': 'toolkit;hit;ttl=60' } },
    ],
  },
  {
    says: 'a 304 has the fields, and leaves the stored response as it is',
    exchanges: [
      { path: '/cached', quotas: left(4) },
      { path: '/cached', headers: { 'If-None-Match': '"1"' }, status: 304, policy: POLICY, quotas: left(3) },
      { path: '/cached', policy: POLICY, quotas: left(2) },
    ],
  },
  {
    says: 'a 429 of the handler is not stored, whatever lifetime it names (RFC 6585 §4)',
    exchanges: [
      { path: '/own-429', status: 429, sent: { 'X-Call': '1' } },
      { path: '/own-429', status: 429, sent: { 'X-Call': '2' } },
    ],
  },
  {
    says: 'HEAD has the fields of GET',
    exchanges: [{ method: 'HEAD', policy: POLICY, quotas: left(4) }],
  },
  {
    says: 'a redirection has the fields',
    exchanges: [{ path: '/moved', status: 302, policy: POLICY, quotas: left(4) }],
  },
  {
    says: 'standardHeaders: false sends neither field, nor Retry-After',
    options: { standardHeaders: false },
    exchanges: [
      { ...none, times: 5 },
      { ...none, status: 429, retryAfter: null },
    ],
  },
  {
    says: 'with the legacy headers alone there is a Retry-After',
    options: { standardHeaders: false, legacyHeaders: true },
    exchanges: [
      { ...none, times: 5 },
      {
        ...none,
        status: 429,
        retryAfter: 'set',
        sent: { 'X-RateLimit-Limit': '5', 'X-RateLimit-Remaining': '0' },
      },
    ],
  },
  {
    says: 'draft-8 has a partition key, a digest of the client',
    options: { standardHeaders: 'draft-8' },
    exchanges: [{ policy: '"default";q=5;w=66;pk=:PS3sdzXebXzI:', quotas: left(4) }],
  },
  {
    says: 'draft-7 is a dictionary',
    options: { standardHeaders: 'draft-7', algorithm: 'fixed-window', limit: 7 },
    exchanges: [{ policy: '7;w=60', sent: { 'RateLimit-Limit': null } }],
  },
  {
    says: 'draft-6 has three fields',
    options: { standardHeaders: 'draft-6' },
    exchanges: [
      {
        policy: '5;w=66',
        quotas: null,
        sent: { 'RateLimit-Limit': '5', 'RateLimit-Remaining': '4' },
      },
    ],
  },
  {
    says: 'quotes and backslashes of a name are escaped',
    options: { identifier: 'a"b\\c' },
    exchanges: [{ policy: '"a\\"b\\\\c";q=5;w=66', quotas: [['a"b\\c', 4]] }],
  },
  {
    says: 'a window of less than a second is a whole second',
    options: { windowMs: 500 },
    exchanges: [{ policy: '"default";q=5;w=1', quotas: left(4) }],
  },
  {
    says: 'the largest limit is a valid integer',
    options: { limit: 1_000_000_000, algorithm: 'fixed-window' },
    exchanges: [{ policy: '"default";q=1000000000;w=60', quotas: left(999_999_999) }],
  },
  {
    says: 'an empty token bucket tells the time of the next token, not of a full bucket',
    options: { algorithm: 'token-bucket', limit: 2 },
    exchanges: [{ times: 2 }, { status: 429, policy: '"default";q=2;w=60', quotas: left(0), retryAfter: 30 }],
  },
  {
    says: 'a limit of 0 refuses the first request',
    options: { limit: 0 },
    exchanges: [{ status: 429, policy: '"default";q=0;w=66', quotas: left(0) }],
  },
  {
    says: 'in draft-7 a limit of 0 is not reset at once',
    options: { limit: 0, standardHeaders: 'draft-7' },
    exchanges: [{ status: 429, policy: '0;w=66', sent: { RateLimit: 'limit=0, remaining=0, reset=66' } }],
  },
  {
    says: 'in draft-6 a limit of 0 is not reset at once',
    options: { limit: 0, standardHeaders: 'draft-6' },
    exchanges: [{ status: 429, policy: '0;w=66', sent: { 'RateLimit-Reset': '66' } }],
  },
  {
    says: 'an unlimited client gets no fields',
    options: { limit: Number.POSITIVE_INFINITY },
    exchanges: [none],
  },
  {
    says: 'a request that is skipped has no fields',
    options: { skip: () => true },
    exchanges: [none, none],
  },
];
