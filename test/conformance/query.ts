import type { Exchange, Row } from './exchanges.js';

const fresh = { 'Cache-Control': 'max-age=60' };
const JSON_TYPE = 'application/json';

const query = (
  content: string,
  from: Exchange['from'],
  { headers, ...more }: Partial<Exchange> = {},
): Exchange => ({
  method: 'QUERY',
  path: '/s',
  content,
  headers: { 'Content-Type': JSON_TYPE, ...headers },
  ...(from === 'origin' && { origin: { headers: fresh } }),
  from,
  ...more,
});
const get = (from: Exchange['from'], more: Partial<Exchange> = {}): Exchange => ({
  path: '/s',
  origin: { headers: fresh, body: 'of GET' },
  from,
  ...more,
});
const A = '{"a":1}';
const B = '{"a":2}';

/** Two queries that must not share a response. */
const apart = (says: string, one: Exchange, other: Exchange): Row => ({
  section: '10008 §2.7',
  says,
  exchanges: [one, other],
});
/** A response that is not stored. */
const unstored = (says: string, exchange: Exchange, options?: Row['options']): Row => ({
  section: '10008 §2.7',
  says,
  exchanges: [exchange, exchange],
  ...(options && { options }),
});
const typed = (type: string) => ({ headers: { 'Content-Type': type } });
const answered = (origin: Exchange['origin'], more: Partial<Exchange> = {}): Exchange =>
  query(A, 'origin', { ...(origin && { origin }), ...more });

/** Two contents under `normaliseQuery`. The handler gets each as it was sent. */
const normalising = (
  says: string,
  one: string,
  other: string,
  is: 'same' | 'another',
  type = JSON_TYPE,
): Row => ({
  section: '10008 §2.7',
  says: `with normaliseQuery ${says}`,
  options: { normaliseQuery: true },
  exchanges: [
    query(one, 'origin', typed(type)),
    query(other, is === 'same' ? 'cache' : 'origin', typed(type)),
    query(one, 'cache', typed(type)),
  ],
});

/** RFC 10008, as data. */
export const ROWS: readonly Row[] = [
  {
    section: '10008 §2.7',
    says: 'the same content has the same response',
    exchanges: [query(A, 'origin'), query(A, 'cache', { body: '0123456789' })],
  },
  {
    section: '10008 §2.7',
    says: 'the case of the media type makes no difference',
    exchanges: [query(A, 'origin'), query(A, 'cache', typed('Application/JSON'))],
  },
  apart('another content has another response', query(A, 'origin'), query(B, 'origin')),
  apart(
    'another media type has another response',
    query(A, 'origin'),
    query(A, 'origin', typed('text/plain')),
  ),
  apart(
    'a parameter of the media type counts',
    query(A, 'origin'),
    query(A, 'origin', typed(`${JSON_TYPE};v=1`)),
  ),
  ...['Content-Language', 'Content-Location'].map((name) =>
    apart(`${name} counts`, query(A, 'origin'), query(A, 'origin', { headers: { [name]: 'x' } })),
  ),
  apart(
    'Content-Encoding counts',
    query('x', 'origin', typed('application/x-any')),
    query('x', 'origin', { headers: { 'Content-Type': 'application/x-any', 'Content-Encoding': 'gzip' } }),
  ),
  apart('white space in JSON counts', query(A, 'origin'), query('{ "a":1}', 'origin')),
  apart(
    'the order of JSON members counts',
    query('{"a":1,"b":2}', 'origin'),
    query('{"b":2,"a":1}', 'origin'),
  ),
  ...(
    [
      ['white space', '{"a":1}', ' {\r\n\t"a" : 1 } '],
      ['the order of members', '{"a":1,"b":[{"c":1,"d":2}]}', '{"b":[{"d":2,"c":1}],"a":1}'],
      ['an escape', '{"a":"\\u00e9\\/"}', '{"a":"é/"}'],
      ['white space around a scalar', '1.50', ' 1.50\n'],
      ['white space in empty containers', '{"a":[],"b":{}}', '{"b":{ },"a":[ ]}'],
    ] as const
  ).map(([what, one, other]) => normalising(`${what} makes no difference`, one, other, 'same')),
  ...(
    [
      ['a member that is named twice', '{"a":1,"a":2}', '{"a":2}'],
      ['a member that is named twice, with an escape', '{"a":1,"\\u0061":2}', '{"a":2}'],
      ['an integer above 2^53', '{"n":9007199254740993}', '{"n":9007199254740992}'],
      ['1.0', '{"n":1}', '{"n":1.0}'],
      ['1e0', '{"n":1}', '{"n":1e0}'],
      ['-0', '{"n":0}', '{"n":-0}'],
      ['the order of items', '[1,2]', '[2,1]'],
      ['a space in a string', '{"a":"b c"}', '{"a":"bc"}'],
      ['a text that is a number', '{"a":"1"}', '{"a":1}'],
      ['half a surrogate pair', '{"a":"\\ud800"}', '{"a":"\\udfff"}'],
      ['a name that is no member of its own', '{"__proto__":1}', '{}'],
      ['white space in what is no JSON', '{"a":1', '{"a": 1'],
      [
        'white space below a hundred levels',
        `${'['.repeat(200)}1${']'.repeat(200)}`,
        `${'['.repeat(200)} 1${']'.repeat(200)}`,
      ],
    ] as const
  ).map(([what, one, other]) => normalising(`${what} makes a difference`, one, other, 'another')),
  normalising('a type with +json is JSON', A, '{ "a":1}', 'same', 'application/vnd.a+json; charset="UTF-8"'),
  normalising('a text is no JSON', A, '{ "a":1}', 'another', 'text/plain'),
  normalising('a list of types is no JSON', A, '{ "a":1}', 'another', 'text/plain, text/json'),
  normalising('a type of three parts is no JSON', A, '{ "a":1}', 'another', 'text/plain/json'),
  normalising('jsonpath is no JSON', A, '{ "a":1}', 'another', 'application/jsonpath'),
  normalising(
    'another charset is compared byte by byte',
    A,
    '{ "a":1}',
    'another',
    'application/vnd.a+json;charset=utf-16',
  ),
  normalising(
    'white space behind a BOM makes a difference',
    '\ufeff{"a":1}',
    '\ufeff{"a": 1}',
    'another',
    'application/vnd.a+json',
  ),
  {
    section: '10008 §2.7',
    says: 'with normaliseQuery no-transform is compared byte by byte',
    options: { normaliseQuery: true },
    exchanges: [
      query(A, 'origin', { headers: { 'Cache-Control': 'no-transform' } }),
      query('{ "a":1}', 'origin', { headers: { 'Cache-Control': 'no-transform' } }),
      query('{ "a":1}', 'origin'),
      query(A, 'cache'),
    ],
  },
  apart(
    'another query of the URL has another response',
    query(A, 'origin', { path: '/s?x=1' }),
    query(A, 'origin', { path: '/s?x=2' }),
  ),
  {
    section: '9111 §2',
    says: 'the order of the URL parameters makes no difference',
    exchanges: [query(A, 'origin', { path: '/s?b=1&a=2' }), query(A, 'cache', { path: '/s?a=2&b=1' })],
  },
  {
    section: '9111 §2',
    says: 'QUERY and GET never answer each other',
    exchanges: [
      get('origin'),
      query(A, 'origin'),
      get('cache', { body: 'of GET' }),
      query(A, 'cache', { body: '0123456789' }),
    ],
  },
  apart('another host has another response', query(A, 'origin'), query(A, 'origin', { host: 'b.test' })),
  unstored(
    'content without a media type passes through',
    query('x', 'origin', { headers: { 'Content-Type': '' } }),
  ),
  unstored(
    'content of more than maxQueryBytes passes through',
    query(`"${'x'.repeat(999)}"`, 'origin', typed('text/plain')),
    { maxQueryBytes: 1000 },
  ),
  {
    section: 'options',
    says: 'content of maxQueryBytes is cached',
    options: { maxQueryBytes: 1000 },
    exchanges: [
      query('x'.repeat(1000), 'origin', typed('text/plain')),
      query('x'.repeat(1000), 'cache', typed('text/plain')),
    ],
  },
  unstored('maxQueryBytes: 0 lets every QUERY pass through', query(A, 'origin'), { maxQueryBytes: 0 }),
  {
    section: '10008 §2.7',
    says: 'chunked content is the same content',
    exchanges: [query(A, 'origin'), query(A, 'cache', { headers: { 'Transfer-Encoding': 'chunked' } })],
  },
  {
    section: '10008 §2.7',
    says: 'empty content with a media type is content',
    exchanges: [query('', 'origin', typed('text/plain')), query('', 'cache', typed('text/plain'))],
  },
  {
    section: '9111 §4.4',
    says: 'a change of the URL ends the responses to every content',
    exchanges: [
      query(A, 'origin'),
      query(B, 'origin'),
      { method: 'POST', path: '/s', from: 'origin' },
      query(A, 'origin'),
      query(B, 'origin'),
    ],
  },
  {
    section: '9111 §4.4',
    says: 'a failed change ends nothing',
    exchanges: [
      query(A, 'origin'),
      { method: 'POST', path: '/s', origin: { status: 500 }, from: 'origin', status: 500 },
      query(A, 'cache'),
    ],
  },
  {
    section: '10008 §2',
    says: 'QUERY is safe: it ends nothing, whatever its answer names',
    exchanges: [
      get('origin', { origin: { headers: { ...fresh, 'Cache-Groups': '"g"' } } }),
      get('cache'),
      answered({ headers: { Location: '/s', 'Content-Location': '/s', 'Cache-Group-Invalidation': '"g"' } }),
      get('cache'),
    ],
  },
  {
    section: '10008 §2.6',
    says: 'a condition is answered from the response to the same content',
    exchanges: [
      answered({ headers: { ...fresh, ETag: '"1"' } }),
      query(A, 'cache', { headers: { 'If-None-Match': '"1"' }, status: 304, body: '' }),
    ],
  },
  {
    section: '10008 §2.6',
    says: 'a validator says nothing about another content',
    exchanges: [
      answered({ headers: { ...fresh, ETag: '"1"' } }),
      query(B, 'origin', { headers: { 'If-None-Match': '"1"' } }),
    ],
  },
  {
    section: '9111 §4.3',
    says: 'a stale response is validated with the same content',
    exchanges: [
      answered({ headers: { 'Cache-Control': 'no-cache', ETag: '"1"' }, body: 'one' }),
      answered(
        { status: 304, headers: { ...fresh, ETag: '"1"' } },
        { asked: { 'If-None-Match': '"1"', 'Content-Length': '7' }, body: 'one' },
      ),
      query(A, 'cache', { body: 'one' }),
    ],
  },
  {
    section: '9111 §4.1',
    says: 'Vary counts as well',
    exchanges: [
      answered({ headers: { ...fresh, Vary: 'Accept' } }, { headers: { Accept: 'text/csv' } }),
      answered({ headers: { ...fresh, Vary: 'Accept' } }, { headers: { Accept: 'text/html' } }),
      query(A, 'cache', { headers: { Accept: 'text/csv' } }),
      query(A, 'cache', { headers: { Accept: 'text/html' } }),
    ],
  },
  unstored(
    'a response to credentials is not stored',
    query(A, 'origin', { headers: { Authorization: 'Bearer 1' } }),
  ),
  {
    section: '9111 §3.5',
    says: 'a public response to credentials is stored',
    exchanges: [
      answered(
        { headers: { 'Cache-Control': 'public, max-age=60' } },
        { headers: { Authorization: 'Bearer 1' } },
      ),
      query(A, 'cache', { headers: { Authorization: 'Bearer 2' } }),
    ],
  },
  unstored('a response without freshness is not stored', answered({})),
  unstored('no-store is heard', answered({ headers: { 'Cache-Control': 'no-store' } })),
  {
    section: '9111 §5.2.1.7',
    says: 'only-if-cached without a response is a 504',
    exchanges: [query(A, 'cache', { headers: { 'Cache-Control': 'only-if-cached' }, status: 504 })],
  },
  {
    section: '10008 §2.4',
    says: 'the response to a QUERY does not answer a GET of its Location',
    exchanges: [
      answered({ headers: { ...fresh, Location: '/q/42', 'Content-Location': '/r/42' } }),
      get('origin', { path: '/q/42' }),
      get('origin', { path: '/r/42' }),
    ],
  },
  {
    section: '10008 §2.5',
    says: 'a 303 is stored for its content',
    exchanges: [
      answered({ status: 303, headers: { ...fresh, Location: '/q/1' } }, { status: 303 }),
      query(A, 'cache', { status: 303, sent: { Location: '/q/1' } }),
      query(B, 'origin'),
    ],
  },
  {
    section: '9875 §3',
    says: 'a group ends the responses to a QUERY',
    exchanges: [
      answered({ headers: { ...fresh, 'Cache-Groups': '"g"' } }),
      query(A, 'cache'),
      {
        method: 'POST',
        path: '/y',
        origin: { headers: { 'Cache-Group-Invalidation': '"g"' } },
        from: 'origin',
      },
      query(A, 'origin'),
    ],
  },
  {
    section: 'draft-10 no-vary-search',
    says: 'No-Vary-Search does not make two QUERY URLs one',
    exchanges: [
      answered({ headers: { ...fresh, 'No-Vary-Search': 'params=("a")' } }, { path: '/s?a=1' }),
      query(A, 'origin', { path: '/s?a=2' }),
      query(B, 'origin', { path: '/s?a=1' }),
    ],
  },
  {
    section: 'options',
    says: 'a key of the option does not replace the content',
    options: { key: () => 'one' },
    exchanges: [query(A, 'origin'), query(B, 'origin'), query(A, 'cache')],
  },
];
