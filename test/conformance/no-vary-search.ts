import type { Exchange, Row } from './exchanges.js';
import { fresh, hit, miss } from './get-exchanges.js';

type Field = string | readonly string[];
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toUTCString();

const filled = (search: string, field: Field, more: Partial<Exchange> = {}): Exchange => ({
  path: `/p${search}`,
  origin: { headers: { ...fresh, 'No-Vary-Search': field } },
  from: 'origin',
  ...more,
});
const same = (says: string, field: Field, first: string, ...others: string[]): Row => ({
  section: 'draft-10 §5',
  says,
  exchanges: [filled(first, field), ...others.map((search) => hit(`/p${search}`))],
});
/** Each of the others is another URL than the first one. */
const another = (says: string, field: Field, first: string, ...others: string[]): Row[] =>
  others.map((search) => ({
    section: 'draft-10 §5',
    says: `${says} (${search || 'no query'})`,
    exchanges: [filled(first, field), miss(`/p${search}`)],
  }));
const invalid = (field: string): Row => ({
  section: 'draft-10 §4',
  says: `an invalid field changes nothing: ${field.slice(0, 40)}`,
  exchanges: [filled('?b=1', field), miss('/p?b=2'), hit('/p?b=1')],
});
const utm = 'params=("utm")';
const authorized = { headers: { Authorization: 'Bearer 1' } };

const emitting = (
  says: string,
  given: { queryParams: object; handler?: string; says: string | null },
): Row => ({
  section: 'options',
  says,
  options: { queryParams: given.queryParams },
  exchanges: [
    miss('/p?a=1&utm=1', {
      origin: { headers: { ...fresh, ...(given.handler && { 'No-Vary-Search': given.handler }) } },
      sent: { 'No-Vary-Search': given.says },
    }),
    hit('/p?a=1&utm=2', { sent: { 'No-Vary-Search': given.says } }),
    // Some caches keep errors, too.
    miss('/p?a=2', {
      origin: { status: 404, headers: given.handler ? { 'No-Vary-Search': given.handler } : {} },
      status: 404,
      sent: { 'No-Vary-Search': given.says },
    }),
  ],
});

/** draft-ietf-httpbis-no-vary-search-10, as data. */
export const ROWS: readonly Row[] = [
  same(
    'a listed parameter makes no difference',
    `${utm}, key-order`,
    '?a=1&utm=x',
    '?a=1&utm=y',
    '?a=1',
    '?utm=z&a=1',
  ),
  ...another('other parameters make a difference', utm, '?a=1&utm=x', '?a=2&utm=x', '?a=1&UTM=x', '?utm=x'),
  same('several parameters can be listed', 'params=("a" "b")', '?a=1', '?b=2', '', '?'),
  same('only the parameters of except count', 'except=("id")', '?id=1&x=1', '?y=2&id=1'),
  ...another('a parameter of except counts', 'except=("id")', '?id=1&x=1', '?id=2', ''),
  same('an empty except leaves nothing that counts', 'except=()', '?a=1', '?anything=2', ''),
  same('key-order lets the order go', 'key-order', '?a=1&b=2', '?b=2&a=1'),
  ...another('the values of one name keep their order', 'key-order', '?a=1&a=2', '?a=2&a=1'),
  same('the sort by name is stable', 'key-order', '?a=1&b=2&a=3', '?b=2&a=1&a=3'),
  ...another('without key-order the order counts', utm, '?a=1&b=2', '?b=2&a=1&utm=1'),
  ...another('key-order=?0 says nothing', 'key-order=?0', '?a=1', '?a=1&b=1'),
  ...another('an empty params says nothing', 'params=()', '?a=1', '?a=1&b=1'),
  ...[
    'params',
    'params=?1',
    'params=?0',
    'params, except=("id")',
    'params=("b"), except=("a")',
    'params=(b)',
    'params="b"',
    'params=("b" 1)',
    'except=?1',
    'key-order="x"',
    'key-order=1',
    'params=("b"), key-order="x"',
    'params=("b"',
    'Params=("b")',
    `params=("b" "${'x'.repeat(5000)}")`,
    `params=(${Array.from({ length: 129 }, (_, n) => (n === 0 ? '"b"' : `"${n}"`)).join(' ')})`,
  ].map(invalid),
  same('parameters of members are ignored', 'params=("a";v=1);w=2, key-order;z', '?a=1&b=1&c=1', '?c=1&b=1'),
  same('unknown keys are ignored', 'foo=bar, params=("a")', '?a=1', '?a=2'),
  same('the last of a repeated key counts', 'params=("a"), params=("b")', '?b=1', '?b=2'),
  ...another('the first of a repeated key is lost', 'params=("a"), params=("b")', '?b=1', '?a=2'),
  same('several lines are one Dictionary', ['params=("a")', 'key-order'], '?b=1&c=1', '?c=1&b=1&a=9'),
  same(
    'names are compared decoded',
    'params=("%C3%A9+x" "a&b" "c=d")',
    '?k=1',
    '?k=1&%c3%a9%20x=5',
    '?k=1&%C3%A9+x=5',
    '?k=1&a%26b=2',
    '?k=1&c%3Dd=2',
  ),
  ...another('names are not normalised', 'params=("e%CC%81")', '?k=1', '?k=1&%C3%A9=1'),
  same('escapes and empty pairs make no difference', 'key-order', '?a=x', '?%61=%78', '?a=x&&', '?&a=x'),
  same('a name alone has an empty value', 'key-order', '?a', '?a='),
  same('malformed UTF-8 is the replacement character', 'key-order', '?a=%f6', '?a=%ef%bf%bd'),
  ...another('the second question mark belongs to the name', 'params=("x")', '??a=1', '?a=1'),
  {
    section: 'draft-10 §6',
    says: 'another path or host is never equivalent',
    exchanges: [
      filled('?a=1', 'params=("a")'),
      miss('/q?a=2'),
      miss('/P?a=2'),
      miss('/p?a=2', { host: 'b.test' }),
      miss('/p?a=2', { scheme: 'http' }),
      hit('/p?a=2'),
    ],
  },
  {
    section: 'draft-10 §6',
    says: 'Vary counts as well',
    exchanges: [
      filled('?utm=1', utm, {
        headers: { 'Accept-Language': 'en' },
        origin: { headers: { ...fresh, 'No-Vary-Search': utm, Vary: 'Accept-Language' } },
      }),
      hit('/p?utm=2', { headers: { 'Accept-Language': 'en' } }),
      miss('/p?utm=2', { headers: { 'Accept-Language': 'de' } }),
    ],
  },
  {
    section: '9111 §3.5',
    says: 'a response to credentials is not shared',
    exchanges: [filled('?utm=1', utm, authorized), miss('/p?utm=2'), miss('/p?utm=2', authorized)],
  },
  {
    section: '9111 §4.4',
    says: 'a change of an equivalent URL ends the response',
    exchanges: [
      filled('?a=1&utm=1', utm),
      { method: 'PUT', path: '/p?a=1&utm=2', from: 'origin' },
      filled('?a=1&utm=1', utm),
      hit('/p?a=1'),
    ],
  },
  {
    section: 'draft-10 §6',
    says: 'a newer field counts from now on, and the older response answers nothing more than it said',
    exchanges: [
      filled('?a=1&utm=1', utm),
      filled('?a=2', 'params=("x")'),
      miss('/p?a=1&x=1', { origin: { headers: { ...fresh, 'No-Vary-Search': 'params=("x")' } } }),
      hit('/p?a=2&x=9'),
    ],
  },
  {
    section: 'draft-10 §6',
    says: 'a field with an older Date changes nothing',
    exchanges: [
      filled('?a=1&utm=1', utm),
      filled('?a=2', 'params=("x")', {
        origin: { headers: { ...fresh, Date: ago(30), 'No-Vary-Search': 'params=("x")' } },
      }),
      hit('/p?a=1&utm=9'),
    ],
  },
  {
    section: 'draft-10 §6',
    says: 'a newer response without the field ends the sharing',
    exchanges: [filled('?a=1&utm=1', utm), miss('/p?a=2'), miss('/p?a=2&utm=1'), hit('/p?a=2')],
  },
  {
    section: 'draft-10 §6',
    says: 'an error without the field is stored for its exact URL, and ends no sharing',
    exchanges: [
      filled('?a=1&utm=1', utm),
      miss('/p?a=2', { origin: { status: 404, headers: fresh }, status: 404 }),
      hit('/p?a=2', { status: 404 }),
      miss('/p?a=2&utm=1'),
    ],
  },
  {
    section: '9111 §4.3',
    says: 'a stale response is validated for the URL that was asked',
    exchanges: [
      filled('?utm=1', utm, {
        origin: { headers: { 'Cache-Control': 'no-cache', ETag: '"1"', 'No-Vary-Search': utm }, body: 'one' },
      }),
      {
        path: '/p?utm=2',
        origin: { status: 304, headers: { ...fresh, ETag: '"1"' } },
        from: 'origin',
        asked: { 'If-None-Match': '"1"' },
        body: 'one',
      },
      hit('/p?utm=3', { body: 'one' }),
    ],
  },
  {
    section: 'draft-10 §3',
    says: 'the field is passed on unchanged, on a hit too',
    exchanges: [
      filled('?a=1', 'params=( "a"  ), x', { sent: { 'No-Vary-Search': 'params=( "a"  ), x' } }),
      hit('/p?a=2', { sent: { 'No-Vary-Search': 'params=( "a"  ), x' } }),
    ],
  },
  {
    section: 'draft-10 §6',
    says: 'HEAD finds the response',
    exchanges: [filled('?a=1', 'params=("a")'), hit('/p?a=2', { method: 'HEAD' })],
  },
  {
    section: 'draft-10 §6',
    says: 'a hit in the near cache',
    options: { nearCache: { mode: 'validated', maxBytes: 1_000_000 } },
    exchanges: [
      filled('?a=1', 'params=("a")'),
      hit('/p?a=2'),
      hit('/p?a=3'),
      { method: 'PUT', path: '/p', from: 'origin' },
      miss('/p?a=2'),
    ],
  },
  {
    section: 'options',
    says: 'queryParams goes first',
    options: { queryParams: { ignore: ['utm'] } },
    exchanges: [filled('?id=1&utm=1', 'except=("id" "utm")'), hit('/p?id=1&utm=2&x=1'), miss('/p?id=2')],
  },
  emitting('queryParams with emit says so, on a miss and on a hit', {
    queryParams: { ignore: ['utm', 'gclid'], emit: true },
    says: 'params=("utm" "gclid"), key-order',
  }),
  emitting('queryParams without emit says nothing', { queryParams: { ignore: ['utm'] }, says: null }),
  emitting('the handler knows better than queryParams', {
    queryParams: { ignore: ['utm'], emit: true },
    handler: 'params=("utm" "more")',
    says: 'params=("utm" "more")',
  }),
  {
    section: 'options',
    says: 'where key decides, queryParams emits nothing',
    options: { queryParams: { ignore: ['utm'], emit: true }, key: (req: { path: string }) => req.path },
    exchanges: [miss('/p?utm=1', { sent: { 'No-Vary-Search': null } })],
  },
  {
    section: 'options',
    says: 'noVarySearch: false compares exactly',
    options: { noVarySearch: false },
    exchanges: [filled('?a=1', 'params=("a")'), miss('/p?a=2')],
  },
];
