import { ago, conforms, type Exchange, type Headers, type Row } from './http-cache.js';

const fresh = { 'Cache-Control': 'max-age=3600' };
const old = { 'Cache-Control': 'max-age=60', Age: '90' };
const tagged = { ...fresh, ETag: '"abc"' };

const seen = (
  vary: string | string[],
  first: Record<string, string>,
  second: Record<string, string>,
  from: Exchange['from'],
): [Exchange, Exchange] => [
  { ask: { headers: first }, origin: { headers: { ...fresh, Vary: vary } }, from: 'origin' },
  { ask: { headers: second }, from },
];

const vary: Row[] = [
  ['9111 §4.1', 'the same value matches', ...seen('Foo', { Foo: '1' }, { Foo: '1' }, 'cache')],
  ['9111 §4.1', 'another does not', ...seen('Foo', { Foo: '1' }, { Foo: '2' }, 'origin')],
  ['9111 §4.1', 'absent twice matches', ...seen('Foo', {}, {}, 'cache')],
  ['9111 §4.1', 'absent now does not match', ...seen('Foo', { Foo: '1' }, {}, 'origin')],
  ['9111 §4.1', 'absent then does not match', ...seen('Foo', {}, { Foo: '1' }, 'origin')],
  ['9111 §4.1', 'names know no case', ...seen('fOO', { Foo: '1' }, { foo: '1' }, 'cache')],
  [
    '9111 §4.1',
    'two fields match',
    ...seen('Foo, Bar', { Foo: '1', Bar: 'a' }, { Foo: '1', Bar: 'a' }, 'cache'),
  ],
  [
    '9111 §4.1',
    'one of two does not',
    ...seen('Foo, Bar', { Foo: '1', Bar: 'a' }, { Foo: '1', Bar: 'b' }, 'origin'),
  ],
  [
    '9111 §4.1',
    'two lines of Vary',
    ...seen(['Foo', 'Bar'], { Foo: '1', Bar: 'a' }, { Foo: '1', Bar: 'b' }, 'origin'),
  ],
  [
    '9111 §4.1',
    'values are not mistaken for each other',
    ...seen('Foo, Bar', { Foo: 'x' }, { Bar: 'x' }, 'origin'),
  ],
  [
    '9111 §4.1',
    'white space around commas means nothing',
    ...seen('Foo', { Foo: '1,2' }, { Foo: '1 , 2' }, 'cache'),
  ],
  [
    '9111 §4.1',
    'the order of members of an unknown field does',
    ...seen('Foo', { Foo: '1, 2' }, { Foo: '2, 1' }, 'origin'),
  ],
  [
    '9111 §4.1',
    'the order of languages means nothing',
    ...seen('Accept-Language', { 'Accept-Language': 'de, en' }, { 'Accept-Language': 'en, de' }, 'cache'),
  ],
  [
    '9111 §4.1',
    'nor does their case',
    ...seen('Accept-Language', { 'Accept-Language': 'de-CH' }, { 'Accept-Language': 'DE-ch' }, 'cache'),
  ],
  ['9111 §4.1', 'nor a weight of 1', ...seen('Accept', { Accept: 'a/b;q=1.0' }, { Accept: 'a/b' }, 'cache')],
  [
    '9111 §4.1',
    'another weight does',
    ...seen('Accept', { Accept: 'a/b;q=0.5' }, { Accept: 'a/b' }, 'origin'),
  ],
  ...['*', 'Foo, *', '*, Foo', '*, *', ', *'].map(
    (value): Row => [
      '9111 §4.1',
      `Vary: ${value} matches nothing`,
      ...seen(value, { Foo: '1' }, { Foo: '1' }, 'origin'),
    ],
  ),
  [
    '9111 §4.1',
    '* on a second line matches nothing',
    ...seen(['Foo', '*'], { Foo: '1' }, { Foo: '1' }, 'origin'),
  ],
  [
    '9111 §4',
    'several variants are kept',
    ...seen('Foo', { Foo: '1' }, { Foo: '2' }, 'origin').map((each, at) => ({
      ...each,
      origin: { headers: { ...fresh, Vary: 'Foo' }, body: `${at}` },
    })),
    { ask: { headers: { Foo: '1' } }, from: 'cache', body: '0' },
    { ask: { headers: { Foo: '2' } }, from: 'cache', body: '1' },
  ],
];

const conditional = (headers: Headers, ask: Record<string, string>, status: number): [Exchange, Exchange] => [
  { origin: { headers: { ...fresh, ...headers } }, from: 'origin' },
  { ask: { headers: ask }, from: 'cache', status },
];

const then = ago(86_400);
const conditions: Row[] = [
  [
    '9111 §4.3.2',
    'If-None-Match with a strong tag',
    ...conditional({ ETag: '"abc"' }, { 'If-None-Match': '"abc"' }, 304),
  ],
  ['9111 §4.3.2', 'with another', ...conditional({ ETag: '"abc"' }, { 'If-None-Match': '"x"' }, 200)],
  [
    '9110 §13.1.2',
    'weak tags compare weakly',
    ...conditional({ ETag: 'W/"abc"' }, { 'If-None-Match': 'W/"abc"' }, 304),
  ],
  [
    '9110 §13.1.2',
    'weak against strong',
    ...conditional({ ETag: '"abc"' }, { 'If-None-Match': 'W/"abc"' }, 304),
  ],
  [
    '9110 §13.1.2',
    'the first of several',
    ...conditional({ ETag: '"abc"' }, { 'If-None-Match': '"abc", "x"' }, 304),
  ],
  [
    '9110 §13.1.2',
    'the last of several',
    ...conditional({ ETag: '"abc"' }, { 'If-None-Match': '"x","y", "abc"' }, 304),
  ],
  [
    '9110 §8.8.3',
    'a comma inside a tag',
    ...conditional({ ETag: '"a,c"' }, { 'If-None-Match': '"x", "a,c"' }, 304),
  ],
  [
    '9110 §8.8.3',
    'a backslash escapes nothing',
    ...conditional({ ETag: '"a\\"' }, { 'If-None-Match': '"a\\", "x"' }, 304),
  ],
  [
    '9110 §8.8.3',
    'unquoted tags are compared as they are',
    ...conditional({ ETag: 'abc' }, { 'If-None-Match': 'abc' }, 304),
  ],
  [
    '9110 §8.8.3',
    'w/ in lower case is no weak tag',
    ...conditional({ ETag: '"abc"' }, { 'If-None-Match': 'w/"abc"' }, 200),
  ],
  ['9110 §13.1.2', '* matches what is stored', ...conditional({}, { 'If-None-Match': '*' }, 304)],
  [
    '9110 §13.1.3',
    'If-Modified-Since equal',
    ...conditional({ 'Last-Modified': then }, { 'If-Modified-Since': then }, 304),
  ],
  ['9110 §13.1.3', 'later', ...conditional({ 'Last-Modified': then }, { 'If-Modified-Since': ago(60) }, 304)],
  [
    '9110 §13.1.3',
    'earlier',
    ...conditional({ 'Last-Modified': then }, { 'If-Modified-Since': ago(90_000) }, 200),
  ],
  [
    '9110 §13.1.3',
    'not a date',
    ...conditional({ 'Last-Modified': then }, { 'If-Modified-Since': 'yesterday' }, 200),
  ],
  [
    '9111 §4.3.2',
    'without Last-Modified the Date serves',
    ...conditional({ Date: ago(60) }, { 'If-Modified-Since': ago(0) }, 304),
  ],
  [
    '9110 §13.2.2',
    'If-None-Match goes before If-Modified-Since',
    ...conditional(
      { ETag: '"abc"', 'Last-Modified': then },
      { 'If-None-Match': '"x"', 'If-Modified-Since': then },
      200,
    ),
  ],
  [
    '9110 §15.4.5',
    'a 304 carries the validators and no length',
    { origin: { headers: tagged }, from: 'origin' },
    {
      ask: { headers: { 'If-None-Match': '"abc"' } },
      from: 'cache',
      status: 304,
      headers: { ETag: '"abc"', 'Cache-Control': 'max-age=3600', 'Content-Length': undefined },
    },
  ],
  [
    '9110 §13.1.1',
    'If-Match is the origin’s to judge',
    { origin: { headers: tagged }, from: 'origin' },
    { ask: { headers: { 'If-Match': '"x"' } }, origin: { status: 412 }, from: 'origin', status: 412 },
  ],
  [
    '9111 §4.3.2',
    'a condition for what is not stored is passed on, once',
    {
      ask: { headers: { 'If-None-Match': '"abc"' } },
      origin: { status: 304, headers: tagged },
      from: 'origin',
      status: 304,
      asked: { 'if-none-match': '"abc"' },
    },
    {
      ask: { headers: { 'If-None-Match': '"abc"' } },
      origin: { headers: tagged },
      from: 'origin',
      status: 304,
    },
    { from: 'cache', status: 200, body: '0123456789' },
  ],
];

const part = (
  range: string,
  status: number,
  body: string,
  more: Record<string, string> = {},
  headers: Headers = tagged,
): [Exchange, Exchange] => [
  { origin: { headers }, from: 'origin' },
  { ask: { headers: { Range: range, ...more } }, from: 'cache', status, body },
];

const heads: Row[] = [
  [
    '9110 §9.3.2',
    'HEAD is answered from a stored GET',
    { origin: { headers: fresh }, from: 'origin' },
    { ask: { method: 'HEAD' }, from: 'cache', status: 200, headers: { 'Content-Length': '10' }, body: '' },
  ],
  [
    '9110 §9.3.2',
    'GET is not answered from a HEAD',
    { ask: { method: 'HEAD' }, origin: { headers: fresh }, from: 'origin' },
    { from: 'origin' },
  ],
  [
    '9111 §4.3.5',
    'a HEAD refreshes what is stored',
    { origin: { headers: { ...old, ETag: '"a"', 'X-A': '1' } }, from: 'origin' },
    {
      ask: { method: 'HEAD' },
      origin: { headers: { ...fresh, 'X-A': '2', 'Content-Length': '10' } },
      from: 'validation',
    },
    { from: 'cache', headers: { 'X-A': '2' }, body: '0123456789' },
  ],
  [
    '9111 §4.3.5',
    'a HEAD of another length makes it old',
    { origin: { headers: tagged }, from: 'origin' },
    {
      ask: { method: 'HEAD', headers: { 'Cache-Control': 'no-cache' } },
      origin: { headers: { ...fresh, 'Content-Length': '11' } },
      from: 'validation',
    },
    { from: 'origin' },
  ],
  [
    '9111 §4.3.5',
    'a HEAD that finds it gone makes it old',
    { origin: { headers: tagged }, from: 'origin' },
    {
      ask: { method: 'HEAD', headers: { 'Cache-Control': 'no-cache' } },
      origin: { status: 410 },
      from: 'validation',
    },
    { from: 'origin' },
  ],
];

const parts: Row[] = [
  ['9110 §14.1.2', 'the first bytes', ...part('bytes=0-1', 206, '01')],
  ['9110 §14.1.2', 'bytes in the middle', ...part('bytes=3-5', 206, '345')],
  ['9110 §14.1.2', 'bytes to the end', ...part('bytes=5-', 206, '56789')],
  ['9110 §14.1.2', 'the last bytes', ...part('bytes=-2', 206, '89')],
  ['9110 §14.1.2', 'more than there are', ...part('bytes=8-99', 206, '89')],
  ['9110 §14.1.2', 'more last bytes than there are', ...part('bytes=-99', 206, '0123456789')],
  ['9110 §15.5.17', 'none of them', ...part('bytes=10-', 416, '')],
  ['9110 §14.2', 'an unknown unit is ignored', ...part('lines=0-1', 200, '0123456789')],
  ['9110 §14.2', 'several ranges are ignored', ...part('bytes=0-1,4-5', 200, '0123456789')],
  ['9110 §14.2', 'a malformed range is ignored', ...part('bytes=5-3', 200, '0123456789')],
  [
    '9110 §14.2',
    'a Range means nothing to HEAD',
    { origin: { headers: fresh }, from: 'origin' },
    {
      ask: { method: 'HEAD', headers: { Range: 'bytes=0-1' } },
      from: 'cache',
      status: 200,
      headers: { 'Content-Length': '10', 'Content-Range': undefined },
    },
  ],
  ['9110 §13.1.5', 'If-Range with the strong tag', ...part('bytes=0-1', 206, '01', { 'If-Range': '"abc"' })],
  ['9110 §13.1.5', 'If-Range with another', ...part('bytes=0-1', 200, '0123456789', { 'If-Range': '"x"' })],
  [
    '9110 §13.1.5',
    'a weak tag is not enough',
    ...part('bytes=0-1', 200, '0123456789', { 'If-Range': 'W/"abc"' }, { ...fresh, ETag: 'W/"abc"' }),
  ],
  [
    '9110 §13.1.5',
    'If-Range with the date',
    ...part('bytes=0-1', 206, '01', { 'If-Range': then }, { ...fresh, 'Last-Modified': then }),
  ],
  [
    '9110 §14.4',
    'Content-Range says which',
    { origin: { headers: tagged }, from: 'origin' },
    {
      ask: { headers: { Range: 'bytes=2-3' } },
      from: 'cache',
      headers: { 'Content-Range': 'bytes 2-3/10', 'Content-Length': '2' },
    },
  ],
  [
    '9111 §3.3',
    'a part is not stored as the whole',
    {
      ask: { headers: { Range: 'bytes=0-1' } },
      origin: { status: 206, headers: { ...fresh, 'Content-Range': 'bytes 0-1/10' }, body: '01' },
      from: 'origin',
    },
    { from: 'origin', body: '0123456789' },
  ],
];

const changed = (
  method: string,
  status: number,
  from: Exchange['from'],
  headers: Headers = {},
): [Exchange, Exchange, Exchange] => [
  { origin: { headers: fresh }, from: 'origin' },
  { ask: { method }, origin: { status, headers }, from: 'origin' },
  { from },
];

const invalidation: Row[] = [
  ...['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH'].map(
    (method): Row => ['9111 §4.4', `${method} invalidates`, ...changed(method, 200, 'origin')],
  ),
  ['9111 §4.4', 'so does an answer of 303', ...changed('POST', 303, 'origin')],
  ...[400, 404, 500, 503].map(
    (status): Row => ['9111 §4.4', `an answer of ${status} does not`, ...changed('POST', status, 'cache')],
  ),
  ...['OPTIONS', 'TRACE'].map(
    (method): Row => ['9110 §9.2.1', `${method} does not`, ...changed(method, 200, 'cache')],
  ),
  [
    '9111 §2',
    'an answer to POST is not given to GET',
    { ask: { method: 'POST' }, origin: { headers: fresh, body: 'posted' }, from: 'origin' },
    { from: 'origin', body: '0123456789' },
  ],
  [
    '9111 §2',
    'nor one to OPTIONS',
    { ask: { method: 'OPTIONS' }, origin: { headers: fresh, body: 'options' }, from: 'origin' },
    { from: 'origin' },
  ],
];

conforms([...vary, ...conditions, ...heads, ...parts, ...invalidation]);
