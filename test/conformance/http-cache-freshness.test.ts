import { ago, ahead, conforms, notReused, type Row, reused } from './http-cache.js';

const fresh = { 'Cache-Control': 'max-age=3600' };

const lifetimes: Row[] = [
  ['9111 §5.2.2.1', 'max-age makes a response fresh', ...reused(fresh)],
  ['9111 §5.2.2.1', 'max-age=0 is stale', ...notReused({ 'Cache-Control': 'max-age=0' })],
  ['9111 §5.2.2.10', 's-maxage makes a response fresh', ...reused({ 'Cache-Control': 's-maxage=3600' })],
  [
    '9111 §5.2.2.10',
    's-maxage goes before a shorter max-age',
    ...reused({ 'Cache-Control': 'max-age=0, s-maxage=3600' }),
  ],
  [
    '9111 §5.2.2.10',
    's-maxage goes before a longer max-age',
    ...notReused({ 'Cache-Control': 's-maxage=0, max-age=3600' }),
  ],
  ['9111 §5.3', 'Expires ahead makes a response fresh', ...reused({ Expires: ahead(3600) })],
  ['9111 §5.3', 'Expires in the past is stale', ...notReused({ Expires: ago(3600) })],
  ['9111 §5.3', 'Expires equal to Date is stale', ...notReused({ Date: ago(0), Expires: ago(0) })],
  ['9111 §5.3', 'Expires: 0 is in the past', ...notReused({ Expires: '0' })],
  ['9111 §5.3', 'max-age goes before Expires', ...reused({ ...fresh, Expires: ago(3600) })],
  [
    '9111 §5.3',
    'max-age=0 goes before Expires',
    ...notReused({ 'Cache-Control': 'max-age=0', Expires: ahead(3600) }),
  ],
  [
    '9111 §5.3',
    's-maxage goes before Expires',
    ...reused({ 'Cache-Control': 's-maxage=3600', Expires: ago(3600) }),
  ],
  ['9111 §4.2.1', 'Expires counts from Date', ...notReused({ Date: ahead(3600), Expires: ahead(3600) })],
  [
    '9111 §4.2.1',
    'an old Date with Expires ahead is fresh until then',
    ...reused({ Date: ago(3600), Expires: ahead(3600) }),
  ],
  ['9111 §1.2.2', '2^31 seconds are long', ...reused({ 'Cache-Control': 'max-age=2147483648' })],
  [
    '9111 §1.2.2',
    'more seconds than can be counted are long',
    ...reused({ 'Cache-Control': 'max-age=99999999999999' }),
  ],
];

const ages: Row[] = [
  ['9111 §4.2.3', 'Age above max-age is stale', ...notReused({ ...fresh, Age: '7200' })],
  ['9111 §4.2.3', 'Age below max-age is fresh', ...reused({ ...fresh, Age: '1800' })],
  ['9111 §4.2.3', 'Age counts against Expires', ...notReused({ Expires: ahead(3600), Age: '7200' })],
  ['9111 §4.2.3', 'an old Date counts as age', ...notReused({ ...fresh, Date: ago(7200) })],
  ['9111 §4.2.3', 'a Date ahead makes no age', ...reused({ ...fresh, Date: ahead(7200) })],
  ['9111 §5.1', 'the first of several Ages counts: fresh', ...reused({ ...fresh, Age: '0, 7200' })],
  ['9111 §5.1', 'the first of several Ages counts: stale', ...notReused({ ...fresh, Age: '7200, 0' })],
  ['9111 §5.1', 'the first line of Age counts', ...reused({ ...fresh, Age: ['0', '7200'] })],
  ['9111 §5.1', 'an Age in letters is ignored', ...reused({ ...fresh, Age: 'old' })],
  ['9111 §5.1', 'a negative Age is ignored', ...reused({ ...fresh, Age: '-7200' })],
  ['9111 §5.1', 'an Age with a fraction is ignored', ...reused({ ...fresh, Age: '7200.0' })],
  ['9111 §5.1', 'an Age with a parameter is ignored', ...reused({ ...fresh, Age: '7200;a=1' })],
  ['9111 §5.1', 'an Age with a suffix is ignored', ...reused({ ...fresh, Age: '7200a' })],
  ['9111 §1.2.2', 'an Age of 2^31 is old', ...notReused({ ...fresh, Age: '2147483648' })],
  ['9111 §1.2.2', 'an Age beyond counting is old', ...notReused({ ...fresh, Age: '99999999999999' })],
  ['9111 §4.2.3', 'Age counts against s-maxage', ...notReused({ 'Cache-Control': 's-maxage=60', Age: '61' })],
];

const parsing: Row[] = [
  ['9111 §5.2', 'directives know no case', ...reused({ 'Cache-Control': 'MaX-aGe=3600' })],
  ['9111 §5.2', 'an argument may be quoted', ...reused({ 'Cache-Control': 'max-age="3600"' })],
  ['9111 §5.2', 'leading zeros mean nothing', ...reused({ 'Cache-Control': 'max-age=003600' })],
  [
    '9111 §5.2.3',
    'unknown directives are passed over',
    ...reused({ 'Cache-Control': 'foobar, max-age=3600' }),
  ],
  [
    '9111 §5.2.3',
    'unknown arguments are passed over',
    ...reused({ 'Cache-Control': 'foo=bar, max-age=3600' }),
  ],
  [
    '9110 §5.6.4',
    'a quoted max-age before the real one',
    ...notReused({ 'Cache-Control': 'a="max-age=3600", max-age=0' }),
  ],
  [
    '9110 §5.6.4',
    'a quoted max-age behind the real one',
    ...notReused({ 'Cache-Control': 'max-age=0, a="max-age=3600"' }),
  ],
  [
    '9110 §5.6.4',
    'an escaped quote does not end a string',
    ...reused({ 'Cache-Control': 'a="x\\", no-store, y", max-age=3600' }),
  ],
  [
    '9110 §5.6.4',
    'a quoted no-store says nothing',
    ...reused({ 'Cache-Control': 'a="no-store, private", max-age=3600' }),
  ],
  ['9110 §5.3', 'several lines are one list', ...reused({ 'Cache-Control': ['foo', 'max-age=3600'] })],
  [
    '9110 §5.3',
    'no-store on a second line counts',
    ...notReused({ 'Cache-Control': ['max-age=3600', 'no-store'] }),
  ],
  ['9110 §5.6.1', 'empty members are passed over', ...reused({ 'Cache-Control': ',, max-age=3600 ,' })],
  [
    '9111 §4.2.1',
    'the first of two max-ages counts: stale',
    ...notReused({ 'Cache-Control': 'max-age=0, max-age=3600' }),
  ],
  [
    '9111 §4.2.1',
    'the first of two max-ages counts: fresh',
    ...reused({ 'Cache-Control': 'max-age=3600, max-age=0' }),
  ],
  ['9111 §4.2.1', 'a negative max-age is stale', ...notReused({ 'Cache-Control': 'max-age=-3600' })],
  ['9111 §4.2.1', 'a max-age in letters is stale', ...notReused({ 'Cache-Control': 'max-age=abc' })],
  [
    '9111 §4.2.1',
    'a max-age that ends in letters is stale',
    ...notReused({ 'Cache-Control': 'max-age=3600a' }),
  ],
  ['9111 §4.2.1', 'a max-age with a fraction is stale', ...notReused({ 'Cache-Control': 'max-age=3600.5' })],
  ['9111 §4.2.1', 'a max-age without a value is stale', ...notReused({ 'Cache-Control': 'max-age' })],
  ['9111 §4.2.1', 'an empty max-age is stale', ...notReused({ 'Cache-Control': 'max-age=' })],
  ['9111 §4.2.1', 'a max-age in single quotes is stale', ...notReused({ 'Cache-Control': "max-age='3600'" })],
  ['9111 §4.2.1', 'space before = is malformed', ...notReused({ 'Cache-Control': 'max-age =3600' })],
  ['9111 §4.2.1', 'space after = is malformed', ...notReused({ 'Cache-Control': 'max-age= 3600' })],
  [
    '9111 §4.2.1',
    'a malformed max-age is not mended by Expires',
    ...notReused({ 'Cache-Control': 'max-age=a', Expires: ahead(60) }),
  ],
  [
    '9111 §5.2',
    'no-store with an argument is no-store',
    ...notReused({ 'Cache-Control': 'max-age=3600, no-store=1' }),
  ],
];

const day = (date: Date) => date.toUTCString();
const later = new Date(Date.now() + 20 * 86_400_000);
const [weekday, dd, month, year, time] = day(later).replace(',', '').split(' ') as [
  string,
  string,
  string,
  string,
  string,
];
const long = {
  Sun: 'Sunday',
  Mon: 'Monday',
  Tue: 'Tuesday',
  Wed: 'Wednesday',
  Thu: 'Thursday',
  Fri: 'Friday',
  Sat: 'Saturday',
}[weekday];

const dates: Row[] = [
  [
    '9110 §5.6.7',
    'RFC 850 dates are read',
    ...reused({ Expires: `${long}, ${dd}-${month}-${year.slice(2)} ${time} GMT` }),
  ],
  [
    '9110 §5.6.7',
    'asctime dates are read',
    ...reused({ Expires: `${weekday} ${month} ${dd.replace(/^0/, ' ')} ${time} ${year}` }),
  ],
  ['9111 §4.2', 'case in a date means nothing', ...reused({ Expires: day(later).toUpperCase() })],
  [
    '9111 §4.2',
    'a zone but GMT is invalid: UTC',
    ...notReused({ Expires: day(later).replace('GMT', 'UTC') }),
  ],
  [
    '9111 §4.2',
    'a zone but GMT is invalid: AEST',
    ...notReused({ Expires: day(later).replace('GMT', 'AEST') }),
  ],
  [
    '9111 §5.3',
    'a two-digit year in the short form is invalid',
    ...notReused({ Expires: `${weekday}, ${dd} ${month} ${year.slice(2)} ${time} GMT` }),
  ],
  [
    '9111 §5.3',
    'dashes in the short form are invalid',
    ...notReused({ Expires: `${weekday}, ${dd}-${month}-${year} ${time} GMT` }),
  ],
  ['9111 §5.3', 'several spaces are invalid', ...notReused({ Expires: day(later).replaceAll(' ', '  ') })],
  ['9111 §5.3', 'no comma is invalid', ...notReused({ Expires: day(later).replace(',', '') })],
  [
    '9111 §5.3',
    'periods in the time are invalid',
    ...notReused({ Expires: day(later).replaceAll(':', '.') }),
  ],
  [
    '9111 §5.3',
    'an hour of one digit is invalid',
    ...notReused({ Expires: `${weekday}, ${dd} ${month} ${year} ${time.slice(1)} GMT` }),
  ],
  ['9111 §5.3', 'two lines of Expires are invalid', ...notReused({ Expires: [day(later), day(later)] })],
  ['9111 §5.3', 'an ISO date is invalid', ...notReused({ Expires: later.toISOString() })],
  ['9111 §5.3', 'a number is invalid', ...notReused({ Expires: '3600' })],
  ['9111 §5.3', 'a date far ahead is fresh', ...reused({ Expires: 'Sun, 21 Nov 2286 04:46:39 GMT' })],
];

const heuristics: Row[] = [
  ...[200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501].map(
    (status): Row => [
      '9110 §15.1',
      `a ${status} may be guessed to be fresh`,
      ...reused({ 'Last-Modified': ago(86_400) }, { status }),
    ],
  ),
  ...[201, 202, 302, 403, 500, 502, 503].map(
    (status): Row => [
      '9110 §15.1',
      `a ${status} may not`,
      ...notReused({ 'Last-Modified': ago(86_400) }, { status }),
    ],
  ),
  [
    '9111 §4.2.2',
    'public allows a guess for any status',
    ...reused({ 'Last-Modified': ago(86_400), 'Cache-Control': 'public' }, { status: 201 }),
  ],
  ['9111 §4.2.2', 'no guess without Last-Modified', ...notReused({})],
  [
    '9111 §4.2.2',
    'the guess is a tenth of the time since the change',
    ...notReused({ 'Last-Modified': ago(1000), Age: '130' }),
  ],
  ['9111 §4.2.2', 'and no less', ...reused({ 'Last-Modified': ago(1000), Age: '50' })],
  ['9111 §4.2.2', 'a change in the future makes no guess', ...notReused({ 'Last-Modified': ahead(86_400) })],
];

const cdn = 'CDN-Cache-Control';
const targeted: Row[] = [
  [
    '9213 §2.2',
    'CDN-Cache-Control goes before Cache-Control',
    ...reused({ [cdn]: 'max-age=3600', 'Cache-Control': 'no-store' }),
  ],
  ['9213 §2.2', 'and before private', ...reused({ [cdn]: 'max-age=3600', 'Cache-Control': 'private' })],
  [
    '9213 §2.2',
    'no-store in it counts',
    ...notReused({ [cdn]: 'no-store', 'Cache-Control': 'max-age=3600' }),
  ],
  ['9213 §2.2', 'private in it counts', ...notReused({ [cdn]: 'private', 'Cache-Control': 'max-age=3600' })],
  [
    '9213 §2.2',
    'no-cache in it counts',
    ...notReused({ [cdn]: 'no-cache', 'Cache-Control': 'max-age=3600' }),
  ],
  [
    '9213 §2.2',
    'max-age=0 in it counts',
    ...notReused({ [cdn]: 'max-age=0', 'Cache-Control': 'max-age=3600' }),
  ],
  ['9213 §2.2', 'it goes before Expires', ...notReused({ [cdn]: 'max-age=0', Expires: ahead(3600) })],
  ['9213 §2.2', 'an Age counts against it', ...notReused({ [cdn]: 'max-age=60', Age: '61' })],
  ['9213 §2.2', 'empty, it says nothing', ...reused({ [cdn]: '', ...fresh })],
  ['9213 §2.1', 'malformed, it says nothing', ...reused({ [cdn]: 'max-age=0, @', ...fresh })],
  ['9213 §2.1', 'upper case is malformed', ...reused({ [cdn]: 'No-Store', ...fresh })],
  ['9213 §2.1', 'space before = is malformed', ...reused({ [cdn]: 'max-age =0', ...fresh })],
  [
    '9213 §2.1',
    'a member of a wrong type is passed over',
    ...reused({ [cdn]: 'max-age=3600, s-maxage="0"', 'Cache-Control': 'no-store' }),
  ],
  [
    '9213 §2.1',
    'parameters are passed over',
    ...reused({ [cdn]: 'max-age=3600;a=b', 'Cache-Control': 'no-store' }),
  ],
  [
    '9213 §2.1',
    'unknown directives are passed over',
    ...reused({ [cdn]: 'max-age=3600, foo', 'Cache-Control': 'no-store' }),
  ],
  [
    '9213 §2.2',
    'the own targeted field goes before it',
    ...notReused({ 'Toolkit-Cache-Control': 'no-store', [cdn]: 'max-age=3600' }),
  ],
  ['9213 §2.2', 'and makes fresh', ...reused({ 'Toolkit-Cache-Control': 'max-age=3600', [cdn]: 'no-store' })],
];

conforms([...lifetimes, ...ages, ...parsing, ...dates, ...heuristics, ...targeted]);
