import type { Exchange, Row } from './exchanges.js';

const A = ':pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:';
const B = ':aZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:';
const VARY = 'accept-encoding, available-dictionary';
const fresh = { 'Cache-Control': 'max-age=60' };
const dcb = { ...fresh, 'Content-Encoding': 'dcb', Vary: VARY };

const asks = (codings: string, dictionary?: string) => ({
  'Accept-Encoding': codings,
  ...(dictionary && { 'Available-Dictionary': dictionary }),
});
const filled = (
  headers: Record<string, string>,
  asked = asks('gzip, dcb', A),
  more: Partial<Exchange> = {},
): Exchange => ({
  path: '/x',
  headers: asked,
  origin: { headers, body: 'coded' },
  from: 'origin',
  body: 'coded',
  ...more,
});
const next = (
  from: Exchange['from'],
  asked: Record<string, string>,
  more: Partial<Exchange> = {},
): Exchange => ({
  path: '/x',
  headers: asked,
  from,
  ...(from === 'origin' && { origin: { headers: { ...fresh, Vary: VARY } } }),
  ...more,
});
const coded = { body: 'coded', sent: { 'Content-Encoding': 'dcb' } };
const row = (says: string, ...exchanges: Exchange[]): Row => ({ section: '9842', says, exchanges });
const compressing = (says: string, ...exchanges: Exchange[]): Row => ({
  ...row(says, ...exchanges),
  options: { compressAboveBytes: 0 },
});

/** RFC 9842, as data: how a shared cache passes on responses that were coded with a dictionary. */
export const ROWS: readonly Row[] = [
  row(
    'the same codings and dictionary have the same bytes',
    filled(dcb),
    next('cache', asks('gzip, dcb', A), coded),
  ),
  row('another dictionary is another variant', filled(dcb), next('origin', asks('gzip, dcb', B))),
  row('no dictionary is another variant', filled(dcb), next('origin', asks('gzip, dcb'))),
  row('without the coding it is another variant', filled(dcb), next('origin', asks('gzip', A))),
  row('the order of codings makes no difference', filled(dcb), next('cache', asks('dcb, gzip', A), coded)),
  row('case and q=1 make no difference', filled(dcb), next('cache', asks('GZIP;q=1, dcb', A), coded)),
  row('a refused coding is another variant', filled(dcb), next('origin', asks('dcb;q=0, gzip', A))),
  row('a star without a dictionary is another variant', filled(dcb), next('origin', asks('*'))),
  row(
    'the variant without a dictionary is found beside the others',
    filled(dcb),
    filled({ ...fresh, Vary: VARY }, asks('gzip, dcb')),
    next('cache', asks('gzip, dcb')),
    next('cache', asks('gzip, dcb', A), coded),
  ),
  row(
    'a gzip response that does not vary by the dictionary is for all of them',
    filled({ ...fresh, 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' }, asks('gzip')),
    next('cache', asks('gzip', A)),
  ),
  ...(['dcb', 'dcz', 'DCB', 'gzip, dcz'] as const).flatMap((coding) =>
    [undefined, 'Accept-Encoding', 'Available-Dictionary'].map((vary) =>
      row(
        `${coding} with ${vary ? `Vary: ${vary}` : 'no Vary'} is not stored`,
        filled({ ...fresh, 'Content-Encoding': coding, ...(vary && { Vary: vary }) }),
        next('origin', asks('gzip, dcb', A)),
      ),
    ),
  ),
  row(
    'a second coding makes no difference to storing',
    filled({ ...dcb, 'Content-Encoding': 'gzip, dcz' }, asks('gzip, dcz', A)),
    next('cache', asks('gzip, dcz', A), { body: 'coded', sent: { 'Content-Encoding': 'gzip, dcz' } }),
  ),
  compressing(
    'the cache does not compress it again',
    filled({ ...dcb, 'Content-Type': 'text/plain', ETag: '"d"' }, undefined, {
      sent: { Vary: VARY, ETag: '"d"' },
    }),
    next('cache', asks('gzip, dcb', A), {
      ...coded,
      sent: { 'Content-Encoding': 'dcb', Vary: VARY, ETag: '"d"' },
    }),
  ),
  row(
    'Use-As-Dictionary is sent with a hit',
    filled({ ...fresh, 'Use-As-Dictionary': 'match="/app/*"' }),
    next('cache', asks('gzip'), { sent: { 'Use-As-Dictionary': 'match="/app/*"' } }),
  ),
  row(
    'a link to a dictionary is sent with a hit',
    filled({ ...fresh, Link: '</d>; rel="compression-dictionary"' }),
    next('cache', asks('gzip'), { sent: { Link: '</d>; rel="compression-dictionary"' } }),
  ),
  row(
    'a 304 replaces Use-As-Dictionary and keeps the coding',
    filled({ ...dcb, 'Cache-Control': 'no-cache', ETag: '"d"', 'Use-As-Dictionary': 'match="/a"' }),
    {
      path: '/x',
      headers: asks('gzip, dcb', A),
      origin: {
        status: 304,
        headers: { ...fresh, ETag: '"d"', Vary: VARY, 'Use-As-Dictionary': 'match="/b"' },
      },
      from: 'origin',
      asked: { 'If-None-Match': '"d"', 'Available-Dictionary': A },
      body: 'coded',
    },
    next('cache', asks('gzip, dcb', A), {
      body: 'coded',
      sent: { 'Content-Encoding': 'dcb', 'Use-As-Dictionary': 'match="/b"' },
    }),
  ),
  row(
    'a change ends the variants of every dictionary',
    filled(dcb),
    filled(dcb, asks('gzip, dcb', B)),
    { method: 'PUT', path: '/x', from: 'origin' },
    next('origin', asks('gzip, dcb', A)),
    next('origin', asks('gzip, dcb', B)),
  ),
  row(
    'a range is one of the coded bytes',
    filled(dcb),
    next('cache', { ...asks('gzip, dcb', A), Range: 'bytes=0-1' }, { status: 206, body: 'co' }),
  ),
  row(
    'a tag of a variant answers for that variant',
    filled({ ...dcb, ETag: '"d"' }),
    next('cache', { ...asks('gzip, dcb', A), 'If-None-Match': '"d"' }, { status: 304 }),
    next('origin', { ...asks('gzip'), 'If-None-Match': '"d"' }),
  ),
  row(
    'no-transform changes nothing',
    filled({ ...dcb, 'Cache-Control': 'max-age=60, no-transform' }),
    next('cache', asks('gzip, dcb', A), coded),
  ),
];
