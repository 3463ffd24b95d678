import { ago, conforms, type Exchange, type Headers, notReused, type Row, reused } from './http-cache.js';

const fresh = { 'Cache-Control': 'max-age=3600' };

const statuses: Row[] = [
  ...[200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 414, 499, 500, 501, 502, 503, 504, 599].map(
    (status): Row => [
      '9111 §3',
      `a ${status} with explicit freshness is stored`,
      ...reused(fresh, { status }),
    ],
  ),
  [
    '9111 §3.3',
    'a 206 is not stored',
    ...notReused({ ...fresh, 'Content-Range': 'bytes 0-4/10' }, { status: 206, body: '01234' }),
  ],
  ['9111 §3', 'a response without any freshness is not reused', ...notReused({})],
  [
    '9111 §3',
    'an error without explicit freshness is not reused',
    ...notReused({ 'Last-Modified': ago(9999) }, { status: 500 }),
  ],
];

const directives: Row[] = [
  ['9111 §5.2.2.5', 'no-store', ...notReused({ 'Cache-Control': 'no-store' })],
  ['9111 §5.2.2.5', 'No-StOrE', ...notReused({ 'Cache-Control': 'No-StOrE' })],
  ['9111 §5.2.2.5', 'no-store beside max-age', ...notReused({ 'Cache-Control': 'max-age=3600, no-store' })],
  [
    '9111 §5.2.2.5',
    'no-store beside Expires',
    ...notReused({ 'Cache-Control': 'no-store', Expires: ago(-3600) }),
  ],
  ['9111 §5.2.2.7', 'private', ...notReused({ 'Cache-Control': 'private' })],
  ['9111 §5.2.2.7', 'private beside max-age', ...notReused({ 'Cache-Control': 'private, max-age=3600' })],
  ['9111 §5.2.2.7', 'private beside s-maxage', ...notReused({ 'Cache-Control': 's-maxage=3600, private' })],
  ['9111 §5.2.2.4', 'no-cache without a validator', ...notReused({ 'Cache-Control': 'no-cache' })],
  ['9111 §5.2.2.4', 'No-Cache without a validator', ...notReused({ 'Cache-Control': 'No-Cache' })],
  [
    '9111 §5.2.2.4',
    'no-cache goes before max-age',
    ...notReused({ 'Cache-Control': 'max-age=3600, no-cache' }),
  ],
  [
    '9111 §5.2.2.2',
    'must-revalidate leaves a fresh response alone',
    ...reused({ 'Cache-Control': 'max-age=3600, must-revalidate' }),
  ],
  [
    '9111 §5.2.2.8',
    'proxy-revalidate leaves a fresh response alone',
    ...reused({ 'Cache-Control': 'max-age=3600, proxy-revalidate' }),
  ],
  ['9111 §5.2.2.9', 'public with max-age', ...reused({ 'Cache-Control': 'public, max-age=3600' })],
  ['8246 §2', 'immutable changes nothing here', ...reused({ 'Cache-Control': 'max-age=3600, immutable' })],
  ['8246 §2', 'immutable alone makes nothing fresh', ...notReused({ 'Cache-Control': 'immutable' })],
  [
    '9111 §5.2.2.3',
    'must-understand lifts no-store for a known status',
    ...reused({ 'Cache-Control': 'max-age=3600, no-store, must-understand' }),
  ],
  [
    '9111 §5.2.2.3',
    'must-understand forbids an unknown status',
    ...notReused({ 'Cache-Control': 'max-age=3600, must-understand' }, { status: 299 }),
  ],
  ['9111 §5.4', 'Pragma in a response means nothing', ...reused({ ...fresh, Pragma: 'no-cache' })],
  [
    '9111 §5.2.2.6',
    'no-transform does not keep from storing',
    ...reused({ 'Cache-Control': 'max-age=3600, no-transform' }),
  ],
  [
    '9111 §7.3',
    'Set-Cookie is never stored, whatever allows it',
    ...notReused({ ...fresh, 'Set-Cookie': 'a=1' }),
  ],
];

const stored = (headers: Headers, expected: Exchange['headers']): [Exchange, Exchange] => [
  { origin: { headers: { ...fresh, ...headers } }, from: 'origin' },
  { from: 'cache', headers: expected },
];

const fields: Row[] = [
  ['9111 §3.1', 'fields are stored', ...stored({ 'X-Test': 'a' }, { 'X-Test': 'a' })],
  [
    '9111 §3.1',
    'fields of several lines are stored',
    ...stored({ 'X-Test': ['a', 'b'] }, { 'X-Test': 'a, b' }),
  ],
  ...[
    'Content-Type',
    'Content-Language',
    'Content-Location',
    'Content-Security-Policy',
    'ETag',
    'Link',
    'Last-Modified',
    'X-Frame-Options',
  ].map((name): Row => ['9111 §3.1', `${name} is stored`, ...stored({ [name]: '"x"' }, { [name]: '"x"' })]),
  ...[
    'Proxy-Authenticate',
    'Proxy-Authentication-Info',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Upgrade',
  ].map(
    (name): Row => [
      '9111 §3.1',
      `${name} is not stored`,
      ...stored({ [name]: 'a=1' }, { [name]: undefined }),
    ],
  ),
  [
    '9110 §7.6.1',
    'what Connection names is not stored',
    ...stored(
      { Connection: 'X-One, x-two', 'X-One': '1', 'X-Two': '2', 'X-Three': '3' },
      { 'X-One': undefined, 'X-Two': undefined, 'X-Three': '3' },
    ),
  ],
  [
    '9111 §5.2.2.4',
    'no-cache="field" keeps that field out',
    ...stored(
      {
        'Cache-Control': 'max-age=3600, no-cache="X-One, x-two"',
        'X-One': '1',
        'X-Two': '2',
        'X-Three': '3',
      },
      { 'X-One': undefined, 'X-Two': undefined, 'X-Three': '3' },
    ),
  ],
  [
    '9111 §5.2.2.7',
    'private="field" keeps that field out',
    ...stored({ 'Cache-Control': 'max-age=3600, private="X-One"', 'X-One': '1' }, { 'X-One': undefined }),
  ],
  ['9110 §6.6.1', 'Date is kept', ...stored({ Date: ago(100) }, { Date: ago(100) })],
  ['9111 §5.1', 'Age is sent from the cache', ...stored({ Age: '100' }, { Age: /^10[0-2]$/ })],
  [
    '9111 §4.2.3',
    'Age is the age by Date where that is more',
    ...stored({ Date: ago(200), Age: '100' }, { Age: /^2[0-5]\d$/ }),
  ],
  ['9211 §2.1', 'a hit says so, with its ttl', ...stored({}, { 'Cache-Status': /^toolkit;hit;ttl=3\d{3}$/ })],
];

const bearer = { headers: { Authorization: 'Bearer x' } };
const authorized = (control: string, from: Exchange['from']): [Exchange, Exchange] => [
  { ask: bearer, origin: { headers: { 'Cache-Control': control } }, from: 'origin' },
  { ask: bearer, from },
];

const credentials: Row[] = [
  ['9111 §3.5', 'a response to Authorization is not stored', ...authorized('max-age=3600', 'origin')],
  ['9111 §3.5', 'but with public', ...authorized('max-age=3600, public', 'cache')],
  ['9111 §3.5', 'with s-maxage', ...authorized('s-maxage=3600', 'cache')],
  ['9111 §3.5', 'with must-revalidate', ...authorized('max-age=3600, must-revalidate', 'cache')],
  [
    '9111 §3.5',
    'a public one serves who has none',
    { ask: bearer, origin: { headers: { 'Cache-Control': 'public, max-age=60' } }, from: 'origin' },
    { from: 'cache' },
  ],
  [
    '9111 §3.5',
    'one for nobody in particular does not serve who has credentials',
    { origin: { headers: fresh }, from: 'origin' },
    { ask: bearer, from: 'origin' },
  ],
  [
    '9111 §3',
    'a Cookie in the request does not keep from storing',
    { ask: { headers: { Cookie: 'a=1' } }, origin: { headers: fresh }, from: 'origin' },
    { from: 'cache' },
  ],
];

const wanting = (
  control: string,
  headers: Headers,
  from: Exchange['from'],
  more: Partial<Exchange> = {},
): [Exchange, Exchange] => [
  { origin: { headers }, from: 'origin' },
  { ask: { headers: { 'Cache-Control': control } }, origin: { headers }, from, ...more },
];

const requests: Row[] = [
  ['9111 §5.2.1.4', 'no-cache in a request', ...wanting('no-cache', fresh, 'origin')],
  ['9111 §5.2.1.1', 'max-age=0 in a request', ...wanting('max-age=0', { ...fresh, Age: '1' }, 'origin')],
  ['9111 §5.2.1.1', 'max-age below the age', ...wanting('max-age=600', { ...fresh, Age: '1800' }, 'origin')],
  ['9111 §5.2.1.1', 'max-age above the age', ...wanting('max-age=1900', { ...fresh, Age: '1800' }, 'cache')],
  [
    '9111 §5.2.1.3',
    'min-fresh that is not left',
    ...wanting('min-fresh=2000', { ...fresh, Age: '1800' }, 'origin'),
  ],
  [
    '9111 §5.2.1.3',
    'min-fresh that is left',
    ...wanting('min-fresh=1000', { ...fresh, Age: '1800' }, 'cache'),
  ],
  [
    '9111 §5.2.1.2',
    'max-stale without a number',
    ...wanting('max-stale', { 'Cache-Control': 'max-age=60, stale-if-error=999', Age: '90' }, 'cache'),
  ],
  [
    '9111 §5.2.1.2',
    'max-stale that is enough',
    ...wanting('max-stale=60', { 'Cache-Control': 'max-age=60, stale-if-error=999', Age: '90' }, 'cache'),
  ],
  [
    '9111 §5.2.1.2',
    'max-stale that is not',
    ...wanting('max-stale=10', { 'Cache-Control': 'max-age=60, stale-if-error=999', Age: '90' }, 'origin'),
  ],
  [
    '9111 §5.2.2.2',
    'max-stale against must-revalidate',
    ...wanting(
      'max-stale',
      { 'Cache-Control': 'max-age=60, must-revalidate, stale-if-error=999', Age: '90' },
      'origin',
    ),
  ],
  [
    '9111 §5.2.1.7',
    'only-if-cached with a hit',
    ...wanting('only-if-cached', fresh, 'cache', { status: 200 }),
  ],
  [
    '9111 §5.2.1.7',
    'only-if-cached without one',
    { ask: { headers: { 'Cache-Control': 'only-if-cached' } }, from: 'cache', status: 504 },
  ],
  [
    '9111 §5.2.1.5',
    'no-store in a request',
    { ask: { headers: { 'Cache-Control': 'no-store' } }, origin: { headers: fresh }, from: 'origin' },
    { from: 'origin' },
  ],
  [
    '9111 §5.4',
    'Pragma: no-cache in a request',
    { origin: { headers: fresh }, from: 'origin' },
    { ask: { headers: { Pragma: 'no-cache' } }, from: 'origin' },
  ],
  [
    '9111 §5.4',
    'Pragma is nothing beside Cache-Control',
    { origin: { headers: fresh }, from: 'origin' },
    { ask: { headers: { Pragma: 'no-cache', 'Cache-Control': 'max-stale' } }, from: 'cache' },
  ],
  ['9111 §5.2.1', 'a malformed max-age in a request is passed over', ...wanting('max-age=x', fresh, 'cache')],
];

conforms([...statuses, ...directives, ...fields, ...credentials, ...requests]);
