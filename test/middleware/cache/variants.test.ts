import type { RequestHandler } from 'express';
import { beforeEach, expect, test } from 'vitest';
import { emptyRedis } from '../../support/empty-redis.js';
import { eventually } from '../../support/eventually.js';
import { gate } from '../../support/gate.js';
import { printedSeed, random } from '../../support/random.js';
import { redisForFile } from '../support/redis-for-file.js';
import { serveCached } from './support/cache-client.js';

const file = redisForFile();
beforeEach(async () => void (await emptyRedis(file.redis)));

const { below } = random(printedSeed('variants'));
const inLanguage: RequestHandler = (req, res) =>
  void res.vary('Accept-Language').send(`in ${req.headers['accept-language']}`);
const languages = (count: number) => Array.from({ length: count }, (_, n) => `x-${n}-${below(1e9)}`);
const variants = async () => (await file.redis.keys('cache-variant:*')).length;

async function site(handler = inLanguage) {
  const app = await serveCached({ redis: file.redis, cache: { key: () => 'page' }, handler });
  const get = (language: string) => app.get('/', { headers: { 'accept-language': language } });
  /** Asks until the response is stored. */
  const fill = async (language: string) => {
    const { body } = await get(language);
    expect(String(body)).toBe(`in ${language}`);
    const isThere = async () => (await get(language)).hit;
    await eventually(`the variant ${language} is stored`, isThere);
  };
  const hits = async (all: readonly string[]) =>
    (await Promise.all(all.map(get))).filter(({ hit }) => hit).length;
  return { get, fill, hits };
}

// What Chrome and Firefox send.
const usual = [
  'de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7',
  'es-ES,es;q=0.9,en;q=0.8',
  'en-US,en;q=0.9',
  'en-GB,en;q=0.9',
  'fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7',
  'it-IT,it;q=0.9,en-US;q=0.8,en;q=0.7',
  'de,en-US;q=0.7,en;q=0.3',
  'es-ES,es;q=0.8,en-US;q=0.5,en;q=0.3',
];

test.each([
  ['the usual languages of browsers', usual],
  ['two languages of which one took the place of the other', [usual[0]!, 'es-ES,es;q=0.9']],
  ...[16, 32].map((count) => [`any ${count} variants`, languages(count)] as [string, string[]]),
])('%s of a URL are all hits', async (_, all) => {
  const { fill, hits } = await site();
  for (const language of all) await fill(language);
  expect(await hits(all)).toBe(all.length);
});

test('of more than 32 variants the 32 that were stored last are kept, and Redis has no more', async () => {
  const { fill, hits } = await site();
  const all = languages(40);
  for (const language of all) await fill(language);
  await eventually('no more than 32', async () => (await variants()) === 32);
  expect(await hits(all.slice(8))).toBe(32);
  expect(await file.redis.llen('cache-variants:page')).toBe(32);
});

test('processes that store variants at the same time leave no more than 32', async () => {
  const sites = await Promise.all([site(), site(), site()]);
  const all = languages(60);
  await Promise.all(all.map((language, n) => sites[n % 3]!.get(language)));
  await eventually('they are stored', async () => (await variants()) > 0);
  await eventually('no more than 32', async () => (await variants()) <= 32);
  expect(await file.redis.llen('cache-variants:page')).toBe(32);
});

test('a response without Vary between them does not add to the variants', async () => {
  let varies = true;
  const { get } = await site((req, res) => {
    if (varies) return void inLanguage(req, res, () => {});
    res.set('Cache-Control', 'max-age=1').send(`in ${req.headers['accept-language']}`);
  });
  for (const [n, language] of languages(80).entries()) {
    varies = n % 10 !== 0;
    await get(language);
  }
  await eventually('no more than 32', async () => (await variants()) <= 32);
});

test('a variant of a short life does not take the others away', async () => {
  const lifetimes: Record<string, number> = { long: 600, short: 1 };
  const { fill, hits } = await site((req, res) => {
    const language = String(req.headers['accept-language']);
    res.set('Cache-Control', `max-age=${lifetimes[language]}, must-revalidate`);
    // Without an ETag it is of no use once it is stale.
    res.vary('Accept-Language').end(`in ${language}`);
  });
  await fill('long');
  await fill('short');
  await eventually('the short one is over', async () => (await variants()) === 1);
  expect(await hits(['long'])).toBe(1);
});

test('requests for different variants do not wait for each other, those for one variant share a handler call', async () => {
  const go = gate();
  let calls = 0;
  const { get, fill } = await site(async (req, res, next) => {
    // The first call tells by which field the page varies.
    if (calls++ > 0) await go.passed;
    return inLanguage(req, res, next);
  });
  await fill('de');
  const all = languages(3);
  const replies = [...all, ...all].map(get);
  await eventually('a handler call per variant', () => calls === 4);
  go.open();
  expect((await Promise.all(replies)).map(({ body }) => String(body))).toEqual(
    [...all, ...all].map((language) => `in ${language}`),
  );
  expect(calls).toBe(4);
});

test('when a page varies no more, requests that differ share a handler call again', async () => {
  const go = gate();
  let calls = 0;
  const { get, fill } = await site(async (req, res, next) => {
    if (++calls === 1) return inLanguage(req, res, next);
    if (calls > 2) await go.passed;
    res.send('for all');
  });
  await fill('de');
  await get('es');
  await eventually('it is there for all', async () => (await get('fr')).hit);
  await emptyRedis(file.redis);
  const replies = ['de', 'es', 'fr'].map(get);
  await eventually('the handler is called', () => calls === 3);
  go.open();
  await Promise.all(replies);
  expect(calls).toBe(3);
});
