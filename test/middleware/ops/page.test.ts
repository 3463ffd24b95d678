import type { RequestListener } from 'node:http';
import express from 'express';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/index.js';
import { ops } from '../../../middleware/ops/index.js';
import { rateLimit } from '../../../middleware/rate-limit/index.js';
import { session } from '../../../middleware/session/index.js';
import { withLock } from '../../../src/locks/index.js';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { startChromium } from '../../support/chromium.js';
import { gate } from '../../support/gate.js';
import { startRedis } from '../../support/redis.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';

const file = redisForFile();
let browser: Awaited<ReturnType<typeof startChromium>>;
beforeAll(async () => {
  browser = await startChromium();
}, 60_000);
afterAll(() => browser.stop());

const SECRET = 'a secret of at least 32 characters';
const user = (data: object) => (data as { userId?: string }).userId;
const device = (req: express.Request) => ({ agent: decodeURIComponent(req.get('x-client')!) });

const SCRIPT = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>';
let prefixes = 0;

/** An app whose clients name themselves, and a page that shows it. */
async function look({ readOnly = false, redis = file.redis, limit = 2 } = {}) {
  const prefix = `page-${++prefixes}:`;
  const common = { redis, prefix, logger: quiet };
  const app = express();
  app.use('/ops', ops({ ...common, authorize: 'loopback', readOnly }));
  const keyGenerator = (req: express.Request) => decodeURIComponent(req.get('x-client') ?? 'me');
  app.get(
    '/limited',
    rateLimit({ ...common, limit, identifier: prefix.slice(0, -1), keyGenerator }),
    (_req, res) => void res.send('ok'),
  );
  let made = 0;
  const tags = (req: express.Request) => [decodeURIComponent(req.get('x-client')!)];
  const handler: express.RequestHandler = (_req, res) => {
    made += 1;
    res.send(`answer ${made}`);
  };
  app.get(/^\/cached/, cacheResponse({ ...common, ttlSeconds: 60, tags }), handler);
  app.get(new RegExp(`^/route$|${SCRIPT}`), cacheResponse({ ...common, ttlSeconds: 60 }), handler);
  app.get('/login', session({ ...common, secret: SECRET, user, device }), (req, res) => {
    Object.assign(req.session, { userId: req.query.user ?? SCRIPT });
    res.send('ok');
  });
  const url = await serve(app);
  const get = async (path: string, client = 'me') => {
    const response = await fetch(url + path, { headers: { 'x-client': encodeURIComponent(client) } });
    return { status: response.status, text: await response.text() };
  };
  const page = await browser.open(`${url}/ops`);
  await page.until('the state', `document.querySelector('#redis').textContent.startsWith('Redis answers')`);
  return { page, get, url, prefix };
}

type Page = Awaited<ReturnType<typeof look>>['page'];

const textOf = (selector: string) => `document.querySelector(${JSON.stringify(selector)}).textContent`;
const shows = (page: Page, selector: string, text: string) =>
  page.until(`${selector} shows ${text}`, `${textOf(selector)}.includes(${JSON.stringify(text)})`);

/** Moves on with Tab, as a person without a mouse, until an element has the focus. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
    await page.press('Tab');
  }
  throw new Error(`no Tab leads to ${selector}`);
}

test('the page shows processes, limits, refused clients, the cache and locks, and loads nothing from elsewhere', async () => {
  const { page, get, url, prefix } = await look();
  const held = gate();
  const locked = withLock(file.redis, 'report:7', { ttlMs: 10_000, prefix }, () => held.passed);
  for (let i = 0; i < 3; i++) await get('/limited', 'grace');
  await get('/cached');
  await get('/cached');
  await shows(page, '#processes', `:${process.pid}:`);
  await shows(page, '#limits', prefix.slice(0, -1));
  await shows(page, '#clients', 'grace');
  // The pattern of the route, and one hit.
  await shows(page, '#routes', '/^\\/cached/1');
  await shows(page, '#locks', 'report:7');
  held.open();
  await locked;
  await shows(page, '#locks', 'No lock is held.');
  expect(page.requested.filter((requested) => !requested.startsWith(`${url}/ops`))).toEqual([]);
  expect(page.complaints).toEqual([]);
});

/** Fills in a form of the page, and presses one of its buttons. */
const submit = (page: Page, form: string, values: Record<string, string>, button = 'button') =>
  page.evaluate(
    `{ const form = document.querySelector('${form}');
    for (const [name, value] of Object.entries(${JSON.stringify(values)})) form.elements[name].value = value;
    form.querySelector('${button}').click(); }`,
  );

test('a script in a name that somebody else chose, or in a URL, does nothing', async () => {
  const { page, get, url, prefix } = await look();
  for (let i = 0; i < 3; i++) await get('/limited', SCRIPT);
  await get(`/cached${encodeURI(SCRIPT)}`);
  await get(`/cached/"><svg/onload=globalThis.hacked=1>`);
  await shows(page, '#clients', SCRIPT);
  await page.evaluate(`document.querySelector('#clients button').click()`);
  await shows(page, '#result', '"used": 2');
  // A device, a tag, a route, a lock, a blocked client and what was done to whom.
  await get('/login', SCRIPT);
  await submit(page, '#sessions-form', { user: SCRIPT });
  await shows(page, '#sessions', 'onerror=');
  await submit(page, '#entry-form', { entry: `${url}/cached${encodeURI(SCRIPT)}` });
  await get('/route');
  await shows(page, '#routes', '<img src=x');
  const held = gate();
  const locked = withLock(file.redis, SCRIPT, { ttlMs: 10_000, prefix }, () => held.passed);
  await shows(page, '#locks', SCRIPT);
  held.open();
  await locked;
  await submit(page, '#client-form', { client: SCRIPT }, '[value=block]');
  await shows(page, '#question', SCRIPT);
  await page.evaluate(`document.querySelector('#confirm-yes').click()`);
  await shows(page, '#blocked', SCRIPT);
  await shows(page, '#audit', 'onerror=');
  await submit(page, '#purge-form', { names: `${SCRIPT}\n` });
  await shows(page, '#audit', 'cache/purge');
  expect(await page.evaluate('globalThis.hacked')).toBeUndefined();
  expect(await page.evaluate(`document.querySelectorAll('img, svg, main script').length`)).toBe(0);
  expect(page.complaints).toEqual([]);
});

test('with the keyboard alone, a client is looked up, blocked after a question, and unblocked, and sessions are ended', async () => {
  const { page, get, prefix } = await look({ limit: 9 });
  await get('/limited', 'ada');
  await shows(page, 'select[name=limiter]', prefix);
  await page.press('Tab');
  expect(await page.evaluate('document.activeElement.className')).toBe('skip');
  await page.press('Enter');
  await tabTo(page, 'select[name=limiter]');
  const limiter = `${prefix}${prefix.slice(0, -1)}/1m`;
  await page.evaluate(`document.querySelector('select[name=limiter]').value = ${JSON.stringify(limiter)}`);
  await tabTo(page, 'input[name=client]');
  await page.press('ada', 'Enter');
  await shows(page, '#result', '"used": 1');

  await tabTo(page, 'button[value=block]');
  await page.press('Enter');
  await page.until('the question', `document.querySelector('dialog').open`);
  await page.press('Escape');
  await page.until('no question', `!document.querySelector('dialog').open`);
  expect((await get('/limited', 'ada')).status).toBe(200);

  await tabTo(page, 'button[value=block]');
  await page.press('Space');
  await page.until('the question', `document.querySelector('dialog').open`);
  await tabTo(page, '#confirm-yes');
  await page.press('Enter');
  await shows(page, '#result', '"blockedMs": 600000');
  expect((await get('/limited', 'ada')).status).toBe(429);
  await shows(page, '#audit', 'limits/block');
  await shows(page, '#blocked', 'ada');

  await tabTo(page, 'button[value=unblock]');
  await page.press('Enter');
  await shows(page, '#result', '"wasBlocked": true');
  await shows(page, '#blocked', 'Nobody is blocked.');
  await expect.poll(async () => (await get('/limited', 'ada')).status, { timeout: 2_500 }).not.toBe(429);

  for (const name of ['phone', 'laptop', 'tablet']) await get('/login?user=7', name);
  await tabTo(page, 'input[name=user]');
  await page.press('7', 'Enter');
  await shows(page, '#sessions', 'tablet');
  await tabTo(page, '#sessions button');
  await page.press('Enter');
  await shows(page, '#result', '"ended": 1');
  await page.until('two are left', `document.querySelectorAll('#sessions button').length === 2`);
  await tabTo(page, 'button[value=end]');
  await page.press('Enter');
  await page.until('the question', `document.querySelector('dialog').open`);
  await tabTo(page, '#confirm-yes');
  await page.press('Enter');
  await shows(page, '#sessions', 'No session.');
  expect(page.complaints).toEqual([]);
});

test('an entry is inspected and purged, and the cache is cleared, on the page', async () => {
  const { page, get, url } = await look();
  expect((await get('/cached')).text).toBe('answer 1');
  await page.evaluate(`document.querySelector('input[name=entry]').value = '${url}/cached'`);
  await page.evaluate(`document.querySelector('#entry-form button').click()`);
  await shows(page, '#result', '"status": 200');
  await page.evaluate(`document.querySelector('select[name=kind]').value = 'urls'`);
  await page.evaluate(`document.querySelector('textarea').value = '/cached'`);
  await page.evaluate(`document.querySelector('#purge-form button').click()`);
  await shows(page, '#result', '"tagsInvalidated": 1');
  expect((await get('/cached')).text).toBe('answer 2');
  await page.evaluate(`document.querySelector('button[value=clear]').click()`);
  await page.until('the question', `document.querySelector('dialog').open`);
  expect((await get('/cached')).text).toBe('answer 2');
  await page.evaluate(`document.querySelector('#confirm-yes').click()`);
  await shows(page, '#result', '"cleared": true');
  expect((await get('/cached')).text).toBe('answer 3');
});

test('behind a proxy that changes the path, the page acts', async () => {
  const app = express();
  app.use('/ops', ops({ redis: file.redis, prefix: 'moved:', logger: quiet, authorize: () => 'ada' }));
  const proxy: RequestListener = (req, res) => {
    req.url = req.url!.replace('/admin/tools', '/ops');
    app(req, res);
  };
  const page = await browser.open(`${await serve(proxy)}/admin/tools/`);
  await page.until('the state', `document.querySelector('#redis').textContent.startsWith('Redis answers')`);
  await page.evaluate(`document.querySelector('textarea').value = 'thing'`);
  await page.evaluate(`document.querySelector('#purge-form button').click()`);
  await shows(page, '#result', '"tagsInvalidated": 1');
});

test('a page whose server does not answer any more says so, and one that is answered by a login too', async () => {
  const app = express();
  let instead: express.RequestHandler | undefined;
  app.use('/ops/api', (req, res, next) => (instead ?? ((_req, _res, go) => go()))(req, res, next));
  app.use('/ops', ops({ redis: file.redis, prefix: 'silent:', logger: quiet, authorize: () => 'ada' }));
  const page = await browser.open(`${await serve(app)}/ops`);
  await page.until('the state', `document.querySelector('#redis').textContent.startsWith('Redis answers')`);
  instead = (_req, res) => void res.send('<h1>Log in</h1>');
  await shows(page, '#redis', 'This page gets no answer: 200 http');
  await page.evaluate(
    `{ const { timeout } = AbortSignal; AbortSignal.timeout = () => timeout.call(AbortSignal, 10); }`,
  );
  instead = () => {};
  await shows(page, '#redis', 'This page gets no answer: signal timed out');
});

test('a page that is read-only offers no action', async () => {
  const { page } = await look({ readOnly: true });
  await page.until('the notice', `!document.querySelector('#read-only').hidden`);
  const offered = `[...document.querySelectorAll('.action')].filter((part) => part.offsetParent !== null).length`;
  expect(await page.evaluate(offered)).toBe(0);
});

test('a focused button keeps the focus while the tables are refreshed', async () => {
  const { page, get } = await look();
  for (let i = 0; i < 3; i++) await get('/limited', 'ada');
  await shows(page, '#clients', 'ada');
  await page.evaluate(`document.querySelector('#clients button').focus()`);
  const refused = `document.querySelector('#clients tr').cells[2].textContent`;
  const before = await page.evaluate(refused);
  await get('/limited', 'ada');
  await page.until('another number', `${refused} !== ${JSON.stringify(before)}`);
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Look up');
});

test('while Redis is frozen the page says so, and shows its own process', async () => {
  const server = await startRedis();
  const redis = connectRedis({ url: server.url, logger: quiet });
  onTestFinished(async () => {
    await closeRedis(redis);
    await server.stop();
  });
  const { page } = await look({ redis });
  server.freeze();
  try {
    await shows(page, '#redis', 'Redis does not answer');
    await shows(page, '#processes', `:${process.pid}:`);
  } finally {
    server.thaw();
  }
  await shows(page, '#redis', 'Redis answers');
});
