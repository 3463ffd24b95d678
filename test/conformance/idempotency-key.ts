/** One request of a row, and what its answer must be. */
export interface Exchange {
  /** Lines of the field `Idempotency-Key`. */
  readonly key?: string | readonly string[];
  readonly method?: string;
  readonly path?: string;
  readonly user?: string;
  readonly type?: string;
  readonly content?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  /** The number of handler runs that the answer tells; undefined for a problem. */
  readonly run?: number;
  readonly replayed?: true;
  readonly code?: string;
}

export interface Row {
  readonly says: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly exchanges: readonly Exchange[];
  /** How often the handler must have run at the end. */
  readonly runs: number;
}

const first = { status: 201, run: 1 } as const;
const again = { status: 201, run: 1, replayed: true } as const;
const invalid = { status: 400, code: 'IDEMPOTENCY_KEY_INVALID' } as const;
const reused = { status: 422, code: 'IDEMPOTENCY_KEY_REUSED' } as const;
const UUID = '8e03978e-40d5-43e8-bc93-6894a57f9324';

/**
 * draft-ietf-httpapi-idempotency-key-header-07, as data. The handler answers `POST /o` with 201, its number of runs and a
 * `Location`; `?status=` sets another status.
 */
export const ROWS: readonly Row[] = [
  {
    says: 'a retry is answered with the first result',
    exchanges: [
      { key: '"k1"', ...first },
      { key: '"k1"', ...again },
    ],
    runs: 1,
  },
  {
    says: 'another content under a key is refused',
    exchanges: [
      { key: '"k1"', ...first },
      { key: '"k1"', content: '{"b":2}', ...reused },
    ],
    runs: 1,
  },
  {
    says: 'a refused content does not spoil the record',
    exchanges: [
      { key: '"k1"', ...first },
      { key: '"k1"', content: '{"b":2}', ...reused },
      { key: '"k1"', ...again },
    ],
    runs: 1,
  },
  {
    says: 'two keys are two operations',
    exchanges: [
      { key: '"k1"', ...first },
      { key: '"k2"', status: 201, run: 2 },
    ],
    runs: 2,
  },
  { says: 'without a key a request runs each time', exchanges: [first, { status: 201, run: 2 }], runs: 2 },
  {
    says: 'a missing key is refused where one is required',
    options: { required: true },
    exchanges: [{ status: 400, code: 'IDEMPOTENCY_KEY_MISSING' }],
    runs: 0,
  },
  {
    says: 'a bare key is the quoted one',
    exchanges: [
      { key: 'k1', ...first },
      { key: '"k1"', ...again },
    ],
    runs: 1,
  },
  {
    says: 'a bare UUID that starts with a digit is a key',
    exchanges: [
      { key: UUID, ...first },
      { key: `"${UUID}"`, ...again },
    ],
    runs: 1,
  },
  {
    says: 'strict refuses a bare key',
    options: { syntax: 'strict' },
    exchanges: [
      { key: 'k1', ...invalid },
      { key: UUID, ...invalid },
      { key: '"k1"', ...first },
    ],
    runs: 1,
  },
  { says: 'an empty key is refused', exchanges: [{ key: '""', ...invalid }], runs: 0 },
  {
    says: 'a key of 255 characters is taken, one of 256 refused',
    exchanges: [
      { key: `"${'a'.repeat(255)}"`, ...first },
      { key: `"${'a'.repeat(256)}"`, ...invalid },
    ],
    runs: 1,
  },
  { says: 'a broken string is refused', exchanges: [{ key: '"a', ...invalid }], runs: 0 },
  { says: 'a list of keys is refused', exchanges: [{ key: '"a", "b"', ...invalid }], runs: 0 },
  {
    says: 'a no-break space is no white space of a field',
    exchanges: [
      { key: '\u00a0k', ...invalid },
      { key: '"k"\u00a0', ...invalid },
    ],
    runs: 0,
  },
  { says: 'two lines are refused', exchanges: [{ key: ['"a"', '"a"'], ...invalid }], runs: 0 },
  {
    says: 'strict refuses a Boolean and a Byte Sequence',
    options: { syntax: 'strict' },
    exchanges: [
      { key: '?1', ...invalid },
      { key: ':aGk=:', ...invalid },
    ],
    runs: 0,
  },
  {
    says: 'parameters are ignored',
    exchanges: [
      { key: '"k1"', ...first },
      { key: '"k1";v=1', ...again },
    ],
    runs: 1,
  },
  {
    says: 'an escaped quote belongs to the key',
    exchanges: [
      { key: '"a\\"b"', ...first },
      { key: '"a\\"b"', ...again },
    ],
    runs: 1,
  },
  {
    says: 'a key on a GET is ignored',
    exchanges: [
      { key: '"k1"', method: 'GET', status: 200, run: 1 },
      { key: '"k1"', method: 'GET', status: 200, run: 2 },
    ],
    runs: 2,
  },
  {
    says: 'PATCH is covered, PUT is not',
    exchanges: [
      { key: '"k1"', method: 'PATCH', ...first },
      { key: '"k1"', method: 'PATCH', ...again },
      { key: '"k1"', method: 'PUT', status: 201, run: 2 },
      { key: '"k1"', method: 'PUT', status: 201, run: 3 },
    ],
    runs: 3,
  },
  {
    says: 'an error of the client is a result',
    exchanges: [
      { key: '"k1"', path: '/o?status=404', status: 404, run: 1 },
      { key: '"k1"', path: '/o?status=404', status: 404, run: 1, replayed: true },
    ],
    runs: 1,
  },
  {
    says: 'an error of the server is none',
    exchanges: [
      { key: '"k1"', path: '/o?status=500', status: 500, run: 1 },
      { key: '"k1"', path: '/o?status=500', status: 500, run: 2 },
    ],
    runs: 2,
  },
  {
    says: '429 and 401 are no results',
    exchanges: [
      { key: '"k1"', path: '/o?status=429', status: 429, run: 1 },
      { key: '"k1"', path: '/o?status=429', status: 429, run: 2 },
      { key: '"k2"', path: '/o?status=401', status: 401, run: 3 },
      { key: '"k2"', path: '/o?status=401', status: 401, run: 4 },
    ],
    runs: 4,
  },
  {
    says: 'a redirect is a result',
    exchanges: [
      { key: '"k1"', path: '/o?status=303', status: 303, run: 1 },
      { key: '"k1"', path: '/o?status=303', status: 303, run: 1, replayed: true },
    ],
    runs: 1,
  },
  {
    says: 'keys of two users are two',
    exchanges: [
      { key: '"k1"', user: 'ann', ...first },
      { key: '"k1"', user: 'bob', status: 201, run: 2 },
      { key: '"k1"', user: 'ann', ...again },
    ],
    runs: 2,
  },
  {
    says: 'keys of two routes are two',
    exchanges: [
      { key: '"k1"', ...first },
      { key: '"k1"', path: '/p', status: 201, run: 2 },
    ],
    runs: 2,
  },
  {
    says: 'a key that is used for another target of a route is reported',
    exchanges: [
      { key: '"k1"', path: '/o/1/pay', ...first },
      { key: '"k1"', path: '/o/2/pay', ...reused },
    ],
    runs: 1,
  },
  {
    says: 'another query is another request',
    exchanges: [
      { key: '"k1"', path: '/o?a=1', ...first },
      { key: '"k1"', path: '/o?a=2', ...reused },
    ],
    runs: 1,
  },
  {
    says: 'another media type is another request',
    exchanges: [
      { key: '"k1"', ...first },
      { key: '"k1"', type: 'text/plain', ...reused },
    ],
    runs: 1,
  },
  {
    says: 'another order of members is another content',
    exchanges: [
      { key: '"k1"', content: '{"a":1,"b":2}', ...first },
      { key: '"k1"', content: '{"b":2,"a":1}', ...reused },
    ],
    runs: 1,
  },
  {
    says: 'a condition is not judged again',
    exchanges: [
      { key: '"k1"', headers: { 'If-Match': '"1"' }, ...first },
      { key: '"k1"', headers: { 'If-Match': '"0"' }, ...again },
    ],
    runs: 1,
  },
  {
    says: 'a key that looks like a path or a slot is a key',
    exchanges: [
      { key: '"../../x{slot}"', ...first },
      { key: '"../../x{slot}"', ...again },
    ],
    runs: 1,
  },
  {
    says: 'a request of nobody is refused',
    exchanges: [{ key: '"k1"', user: '', status: 400, code: 'IDEMPOTENCY_SCOPE_MISSING' }],
    runs: 0,
  },
  {
    says: 'strangers share keys where that is allowed',
    options: { anonymous: true },
    exchanges: [
      { key: '"k1"', user: '', ...first },
      { key: '"k1"', user: '', ...again },
    ],
    runs: 1,
  },
];
