import type { Exchange, Row } from './exchanges.js';
import { fresh, hit, miss } from './get-exchanges.js';

/** A GET that the origin answers, as a member of groups. */
const filled = (
  path: string,
  groups: string | readonly string[],
  more: Partial<Exchange> = {},
): Exchange => ({
  path,
  origin: { headers: { ...fresh, 'Cache-Groups': groups } },
  from: 'origin',
  ...more,
});
// A response whose groups were new is stored after it was sent. A change in between would keep it out, so a row awaits a
// hit first.
/** A request whose answer invalidates groups. */
const names = (groups: string | readonly string[], more: Partial<Exchange> = {}): Exchange => ({
  method: 'POST',
  path: '/y',
  origin: { headers: { 'Cache-Group-Invalidation': groups } },
  from: 'origin',
  ...more,
});

const many = (count: number) =>
  Array.from({ length: count }, (_, n) => `"${String(n).padStart(32, 'g')}"`).join(', ');
const invalidated = (section: string, says: string, groups: string | readonly string[], by: string): Row => ({
  section,
  says,
  exchanges: [filled('/x', groups), hit('/x'), names(by), miss('/x')],
});
const kept = (section: string, says: string, groups: string, by: Exchange): Row => ({
  section,
  says,
  exchanges: [filled('/x', groups), hit('/x'), by, hit('/x')],
});
const unusable = (says: string, groups: string): Row => ({
  section: '9651 §4.2',
  says: `a response is not stored when ${says}`,
  exchanges: [filled('/x', groups), miss('/x')],
});

const varying = (group: string, language: string): Partial<Exchange> => ({
  headers: { 'Accept-Language': language },
  origin: { headers: { ...fresh, Vary: 'Accept-Language', 'Cache-Groups': `"${group}"` } },
});
/** Whether a change, of /x if nothing else is named, ends /p, which is in the group "g" as some response of /x is. */
const shared = (
  says: string,
  members: readonly Exchange[],
  { by, ends = true }: { by?: Exchange; ends?: boolean } = {},
): Row => ({
  section: '9875 §2.2.1',
  says: `with purgeSharedGroups ${says}`,
  options: { purgeSharedGroups: true },
  exchanges: [
    ...members,
    filled('/p', '"g"'),
    hit('/p'),
    by ?? { method: 'PUT', path: '/x', from: 'origin' },
    ends ? miss('/p') : hit('/p'),
  ],
});

/** RFC 9875, as data. */
export const ROWS: readonly Row[] = [
  invalidated('9875 §3', 'an invalidated group ends its members', '"g"', '"g"'),
  kept('9875 §3', 'another group ends nothing', '"g"', names('"h"')),
  invalidated('9875 §2', 'a response can be in several groups', '"g", "h"', '"h"'),
  kept('9875 §2.1', 'the case of a name counts', '"g"', names('"G"')),
  kept('9875 §2.1', 'a space at the end of a name counts', '"g"', names('"g "')),
  ...['GET', 'HEAD', 'OPTIONS', 'PROPFIND', 'SEARCH'].map((method) =>
    kept('9875 §3', `the answer to ${method} invalidates nothing`, '"g"', names('"g"', { method })),
  ),
  ...['PUT', 'PATCH', 'DELETE', 'LOCK'].map(
    (method): Row => ({
      section: '9875 §3',
      says: `the answer to ${method} invalidates`,
      exchanges: [filled('/x', '"g"'), names('"g"', { method }), miss('/x')],
    }),
  ),
  kept('9875 §2.1', 'another host has other groups', '"g"', names('"g"', { host: 'b.test' })),
  kept('9875 §2.1', 'another port has other groups', '"g"', names('"g"', { host: 'a.test:8443' })),
  kept('9875 §2.1', 'another scheme has other groups', '"g"', names('"g"', { scheme: 'http' })),
  ...['a.test:443', 'A.TEST'].map(
    (host): Row => ({
      section: '9875 §2.1',
      says: `https://${host} is the origin https://a.test`,
      exchanges: [filled('/x', '"g"'), names('"g"', { host }), miss('/x')],
    }),
  ),
  invalidated('9875 §2', 'parameters of members are ignored', '"g";foo=1, "h"', '"g";bar'),
  invalidated('9651 §4.2', 'several lines are one list', ['"g"', '"h"'], '"h"'),
  invalidated('9875 §2', 'a group that is named twice counts once', '"g", "g"', '"g"'),
  invalidated(
    '9651 §3.3.3',
    'a name may hold escaped characters',
    String.raw`"a\"b\\c"`,
    String.raw`"a\"b\\c"`,
  ),
  invalidated('9651 §3.3.3', 'a name may be empty', '""', '""'),
  invalidated(
    '9651 §3.3.3',
    'a name may hold a slash and a colon',
    '"https://b.test/g"',
    '"https://b.test/g"',
  ),
  unusable('a member is a Token', 'g'),
  unusable('a member is an Integer', '"g", 1'),
  unusable('a member is an Inner List', '("g" "h")'),
  unusable('the list ends with a comma', '"g",'),
  unusable('a String is not closed', '"g'),
  unusable('a String is not ASCII', '"é"'),
  unusable('it has 129 groups', many(129)),
  kept('9651 §4.2', 'an unreadable invalidation is ignored', '"g"', names('"g", h')),
  { section: '9875 §2', says: 'an empty list is no group', exchanges: [filled('/x', ''), hit('/x')] },
  invalidated(
    '9875 §2',
    'a response can be in 32 groups of 32 characters',
    many(32),
    many(32).split(', ')[31]!,
  ),
  invalidated('9875 §3', 'an invalidation can name 32 groups', '"g"', `${many(31)}, "g"`),
  invalidated(
    '9875 §3',
    'an invalidation can name more groups than a response has',
    '"g"',
    `${many(200)}, "g"`,
  ),
  {
    section: '9875 §3',
    says: 'an invalidation does not cascade',
    exchanges: [
      filled('/x', '"g"'),
      filled('/p', '"g", "h"'),
      filled('/q', '"h"'),
      hit('/q'),
      names('"g"'),
      miss('/x'),
      miss('/p'),
      hit('/q'),
    ],
  },
  {
    section: '9875 §2.2',
    says: 'a change of a URL leaves the others of its group alone',
    exchanges: [
      filled('/x', '"g"'),
      filled('/p', '"g"'),
      hit('/p'),
      { method: 'PUT', path: '/x', from: 'origin' },
      miss('/x'),
      hit('/p'),
    ],
  },
  ...(['on', 'off'] as const).map(
    (is): Row => ({
      section: '9875 §2.2.1',
      says: `with purgeSharedGroups ${is} a change of a URL ends ${is === 'on' ? 'its groups, but no further ones' : 'no group'}`,
      options: { purgeSharedGroups: is === 'on' },
      exchanges: [
        filled('/x', '"g"'),
        filled('/p', '"g", "h"'),
        filled('/q', '"h"'),
        ...['/x', '/p', '/q'].map((path) => hit(path)),
        { method: 'PUT', path: '/x', from: 'origin' },
        miss('/x'),
        is === 'on' ? miss('/p') : hit('/p'),
        hit('/q'),
      ],
    }),
  ),
  shared('a change that failed ends nothing', [filled('/x', '"g"')], {
    by: { method: 'PUT', path: '/x', origin: { status: 404 }, from: 'origin', status: 404 },
    ends: false,
  }),
  shared('the groups of all variants are ended', [
    filled('/x', '"a"', varying('a', 'en')),
    filled('/x', '"g"', varying('g', 'de')),
    filled('/x', '"b"', varying('b', 'fr')),
  ]),
  shared('the groups of each QUERY are ended', [
    filled('/x', '"g"', { method: 'QUERY', content: 'one', headers: { 'Content-Type': 'text/plain' } }),
  ]),
  shared('the groups of a Location are ended', [filled('/x', '"g"')], {
    by: {
      method: 'POST',
      path: '/other',
      origin: { status: 201, headers: { Location: '/x' } },
      from: 'origin',
      status: 201,
    },
  }),
  shared('another origin has other groups', [filled('/x', '"g"', { host: 'b.test' })], { ends: false }),
  {
    section: '9875 §3',
    says: 'an error invalidates groups, but not its URL',
    exchanges: [
      filled('/x', '"g"'),
      filled('/y', '"h"'),
      hit('/y'),
      names('"g"', {
        origin: { status: 500, headers: { 'Cache-Group-Invalidation': '"g"' } },
        status: 500,
      }),
      miss('/x'),
      hit('/y'),
    ],
  },
  {
    section: '9875 §3',
    says: 'a 303 invalidates its groups, its URL and its Location',
    exchanges: [
      filled('/x', '"a"'),
      filled('/y', '"b"'),
      filled('/z', '"c"'),
      names('"c"', {
        origin: { status: 303, headers: { Location: '/x', 'Cache-Group-Invalidation': '"c"' } },
        status: 303,
      }),
      miss('/x'),
      miss('/y'),
      miss('/z'),
    ],
  },
  {
    section: '9875 §3',
    says: 'a response that began before the invalidation is not stored',
    exchanges: [filled('/x', '"g"', { meanwhile: [names('"g"')] }), miss('/x')],
  },
  {
    section: '9111 §3.2',
    says: 'a 304 with groups replaces the membership',
    exchanges: [
      filled('/x', '"g"', {
        origin: { headers: { 'Cache-Control': 'no-cache', ETag: '"1"', 'Cache-Groups': '"g"' } },
      }),
      {
        path: '/x',
        origin: { status: 304, headers: { ...fresh, ETag: '"1"', 'Cache-Groups': '"h"' } },
        from: 'origin',
        asked: { 'If-None-Match': '"1"' },
      },
      hit('/x'),
      names('"g"'),
      hit('/x', { sent: { 'Cache-Groups': '"h"' } }),
      names('"h"'),
      miss('/x'),
    ],
  },
  {
    section: '9111 §3.2',
    says: 'a 304 without groups keeps the membership',
    exchanges: [
      filled('/x', '"g"', {
        origin: { headers: { 'Cache-Control': 'no-cache', ETag: '"1"', 'Cache-Groups': '"g"' } },
      }),
      { path: '/x', origin: { status: 304, headers: { ...fresh, ETag: '"1"' } }, from: 'origin' },
      hit('/x', { sent: { 'Cache-Groups': '"g"' } }),
      names('"g"'),
      miss('/x'),
    ],
  },
  {
    section: '9875 §2',
    says: 'variants have groups of their own',
    exchanges: [
      ...(['en', 'de'] as const).map((language) =>
        filled('/x', language === 'en' ? '"g"' : '"h"', {
          headers: { 'Accept-Language': language },
          origin: {
            headers: { ...fresh, Vary: 'Accept-Language', 'Cache-Groups': language === 'en' ? '"g"' : '"h"' },
          },
        }),
      ),
      hit('/x', { headers: { 'Accept-Language': 'de' } }),
      names('"g"'),
      hit('/x', { headers: { 'Accept-Language': 'de' } }),
      miss('/x', { headers: { 'Accept-Language': 'en' } }),
    ],
  },
  {
    section: '9875 §3',
    says: 'an invalidated response does not stand in for an error',
    exchanges: [
      filled('/x', '"g"', {
        origin: { headers: { 'Cache-Control': 'max-age=60, stale-if-error=600', 'Cache-Groups': '"g"' } },
      }),
      names('"g"'),
      { path: '/x', origin: { status: 500 }, from: 'origin', status: 500 },
    ],
  },
  {
    section: '9875 §5',
    says: 'a group cannot reach the tag of a URL',
    exchanges: [miss('/secret'), filled('/x', '"url:/secret"'), names('"url:/secret", "*"'), hit('/secret')],
  },
  {
    section: '9875 §2',
    says: 'a hit carries the groups to the next cache',
    exchanges: [filled('/x', '"g", "h"'), hit('/x', { sent: { 'Cache-Groups': '"g", "h"' } })],
  },
  {
    section: '9875 §3',
    says: 'the invalidation is passed on to the next cache',
    exchanges: [names('"g"', { sent: { 'Cache-Group-Invalidation': '"g"' } })],
  },
  {
    section: '9875 §2',
    says: 'the fields mean nothing in requests',
    exchanges: [
      filled('/x', '"g"'),
      hit('/x'),
      { method: 'POST', path: '/y', headers: { 'Cache-Group-Invalidation': '"g"' }, from: 'origin' },
      hit('/x'),
    ],
  },
];
