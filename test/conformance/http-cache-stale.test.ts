import { ago, conforms, type Exchange, type Headers, type Row } from './http-cache.js';

const old = { 'Cache-Control': 'max-age=60', Age: '90', ETag: '"abc"' };
const tenDaysAgo = ago(864_000);
const now = { 'Cache-Control': 'max-age=60' };

const validated = (headers: Headers, asked: Exchange['asked']): [Exchange, Exchange] => [
  { origin: { headers }, from: 'origin' },
  {
    origin: { status: 304, headers: now },
    from: 'validation',
    status: 200,
    body: '0123456789',
    ...(asked ? { asked } : {}),
  },
];

const validation: Row[] = [
  ['9111 §4.3.1', 'If-None-Match with a strong tag', ...validated(old, { 'if-none-match': '"abc"' })],
  [
    '9111 §4.3.1',
    'with a weak one',
    ...validated({ ...old, ETag: 'W/"abc"' }, { 'if-none-match': 'W/"abc"' }),
  ],
  [
    '9111 §4.3.1',
    'an unquoted tag as it is',
    ...validated({ ...old, ETag: 'abc' }, { 'if-none-match': 'abc' }),
  ],
  [
    '9111 §4.3.1',
    'If-Modified-Since',
    ...validated({ ...old, 'Last-Modified': tenDaysAgo }, { 'if-modified-since': tenDaysAgo }),
  ],
  [
    '9111 §5.2.2.4',
    'no-cache is validated',
    ...validated({ 'Cache-Control': 'no-cache', ETag: '"a"' }, { 'if-none-match': '"a"' }),
  ],
  [
    '9111 §5.2.2.4',
    'no-cache beside max-age is validated',
    ...validated({ 'Cache-Control': 'max-age=60, no-cache', ETag: '"a"' }, { 'if-none-match': '"a"' }),
  ],
  [
    '9111 §5.2.2.2',
    'must-revalidate is validated',
    ...validated({ ...old, 'Cache-Control': 'max-age=60, must-revalidate' }, {}),
  ],
  [
    '9111 §5.2.1.4',
    'a request with no-cache is a validation',
    { origin: { headers: { ...now, ETag: '"a"' } }, from: 'origin' },
    {
      ask: { headers: { 'Cache-Control': 'no-cache' } },
      origin: { status: 304 },
      from: 'validation',
      status: 200,
    },
  ],
  [
    '9111 §4.3.3',
    'a 200 replaces what is stored',
    { origin: { headers: old }, from: 'origin' },
    { origin: { headers: now, body: 'new' }, from: 'validation', body: 'new' },
    { from: 'cache', body: 'new' },
  ],
  [
    '9111 §4.3.3',
    'a 404 is passed on',
    { origin: { headers: old }, from: 'origin' },
    { origin: { status: 404 }, from: 'validation', status: 404 },
  ],
  [
    '9111 §4.3.2',
    'the client’s own condition is answered after a validation',
    { origin: { headers: old }, from: 'origin' },
    {
      ask: { headers: { 'If-None-Match': '"mine", "abc"' } },
      origin: { status: 304, headers: now },
      from: 'origin',
      asked: { 'if-none-match': '"abc"' },
      status: 304,
    },
  ],
  [
    '9111 §4.3.2',
    'and is not answered 304 when it does not match',
    { origin: { headers: old }, from: 'origin' },
    {
      ask: { headers: { 'If-None-Match': '"mine"' } },
      origin: { status: 304, headers: now },
      from: 'origin',
      status: 200,
      body: '0123456789',
    },
  ],
  [
    '9111 §4.1',
    'another variant’s tag is not used',
    { ask: { headers: { Foo: '1' } }, origin: { headers: { ...old, Vary: 'Foo' } }, from: 'origin' },
    { ask: { headers: { Foo: '2' } }, from: 'origin', asked: {} },
  ],
];

const updated = (
  stored: Headers,
  update: Headers,
  expected: NonNullable<Exchange['headers']>,
): [Exchange, Exchange, Exchange] => [
  { origin: { headers: { ...old, ...stored } }, from: 'origin' },
  { origin: { status: 304, headers: { ...now, ...update } }, from: 'validation', headers: expected },
  { from: 'cache', headers: expected, body: '0123456789' },
];

const updates: Row[] = [
  ['9111 §4.3.4', 'a 304 makes fresh again', ...updated({}, {}, {})],
  ...[
    'X-Test',
    'Content-Language',
    'Content-Type',
    'Content-Security-Policy',
    'Expires',
    'Link',
    'X-Frame-Options',
  ].map(
    (name): Row => [
      '9111 §3.2',
      `${name} is replaced`,
      ...updated({ [name]: 'one' }, { [name]: 'two' }, { [name]: 'two' }),
    ],
  ),
  ['9111 §3.2', 'a new field is added', ...updated({}, { 'X-New': 'a' }, { 'X-New': 'a' })],
  [
    '9111 §3.2',
    'a field that the 304 does not have stays',
    ...updated({ 'X-Old': 'a' }, {}, { 'X-Old': 'a' }),
  ],
  [
    '9111 §3.2',
    'several lines replace one',
    ...updated({ 'X-A': 'a' }, { 'X-A': ['b', 'c'] }, { 'X-A': 'b, c' }),
  ],
  ...['Content-Encoding', 'Content-Range'].map(
    (name): Row => [
      '9111 §3.2',
      `${name} stays with its bytes`,
      ...updated({ [name]: 'one' }, { [name]: 'two' }, { [name]: 'one' }),
    ],
  ),
  [
    '9111 §3.2',
    'Content-Length stays',
    ...updated({}, { 'Content-Length': '3' }, { 'Content-Length': '10' }),
  ],
  [
    '9111 §3.1',
    'what Connection names is not taken over',
    ...updated({ 'X-A': 'a' }, { Connection: 'x-a', 'X-A': 'b' }, { 'X-A': 'a' }),
  ],
  [
    '9111 §4.3.4',
    'a 304 for another tag refreshes nothing',
    { origin: { headers: old }, from: 'origin' },
    { origin: { status: 304, headers: { ...now, ETag: '"other"' } }, from: 'validation', body: '0123456789' },
    { from: 'origin' },
  ],
  [
    '9111 §3.2',
    'a 304 may take the permission to store back',
    { origin: { headers: old }, from: 'origin' },
    { origin: { status: 304, headers: { 'Cache-Control': 'no-store' } }, from: 'validation', status: 200 },
    { from: 'origin' },
  ],
];

const failing = (
  control: string,
  answer: NonNullable<Exchange['origin']>,
  status: number,
): [Exchange, Exchange] => [
  { origin: { headers: { ...old, 'Cache-Control': `max-age=60${control}` } }, from: 'origin' },
  { origin: answer, from: 'validation', status },
];

const errors: Row[] = [
  ...[500, 502, 503, 504].map(
    (status): Row => [
      '5861 §4',
      `stale-if-error covers ${status}`,
      ...failing(', stale-if-error=60', { status }, 200),
    ],
  ),
  [
    '5861 §4',
    'stale-if-error covers a closed connection',
    ...failing(', stale-if-error=60', { close: 'at once' }, 200),
  ],
  ['5861 §4', 'stale-if-error ends', ...failing(', stale-if-error=10', { status: 503 }, 503)],
  ['5861 §4', 'it does not cover 404', ...failing(', stale-if-error=60', { status: 404 }, 404)],
  ['9111 §4.2.4', 'disconnected, a cache serves stale', ...failing('', { close: 'at once' }, 200)],
  ['9111 §4.2.4', 'an origin that answers 503 is not disconnected', ...failing('', { status: 503 }, 503)],
  ...['must-revalidate', 'proxy-revalidate', 's-maxage=60', 'no-cache'].map(
    (name): Row => [
      '9111 §5.2.2',
      `${name} forbids stale when disconnected`,
      ...failing(`, ${name}`, { close: 'at once' }, 502),
    ],
  ),
  ...['must-revalidate', 'proxy-revalidate', 's-maxage=60'].map(
    (name): Row => [
      '9111 §5.2.2',
      `${name} forbids stale-if-error`,
      ...failing(`, ${name}, stale-if-error=60`, { status: 503 }, 503),
    ],
  ),
];

const whileRevalidating = (control: string, from: Exchange['from']): [Exchange, Exchange] => [
  { origin: { headers: { 'Cache-Control': control, Age: '90' }, body: 'old' }, from: 'origin' },
  { ask: { method: 'HEAD' }, from },
];

const background: Row[] = [
  [
    '5861 §3',
    'stale-while-revalidate serves stale',
    ...whileRevalidating('max-age=60, stale-while-revalidate=60', 'cache'),
  ],
  ['5861 §3', 'it ends', ...whileRevalidating('max-age=60, stale-while-revalidate=10', 'origin')],
  [
    '5861 §3',
    'must-revalidate forbids it',
    ...whileRevalidating('max-age=60, must-revalidate, stale-while-revalidate=60', 'origin'),
  ],
];

conforms([...validation, ...updates, ...errors, ...background]);
