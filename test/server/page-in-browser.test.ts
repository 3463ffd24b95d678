import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type BrowserPage, startChromium } from '../support/chromium.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase } from '../support/postgres.js';
import { launchBundled } from '../support/processes.js';
import { startRedis } from '../support/redis.js';

let chromium: Awaited<ReturnType<typeof startChromium>>;
let sample: Awaited<ReturnType<typeof startSample>>;

beforeAll(async () => {
  [chromium, sample] = await Promise.all([startChromium(), startSample()]);
}, 90_000);
afterAll(async () => {
  await Promise.all([chromium?.stop(), sample?.stop()]);
});

async function startSample() {
  const [redis, database] = await Promise.all([startRedis(), createTestDatabase()]);
  const env = { REDIS_URL: redis.url, DATABASE_URL: database.url, PORT: '0', NODE_ENV: undefined };
  const child = await launchBundled(join(__dirname, '../../server/main.ts'), { env });
  const listening = /Listening on (http:\/\/localhost:\d+)/;
  await eventually('the sample listens', () => listening.test(child.output()), { withinMs: 30_000 });
  return {
    url: listening.exec(child.output())![1]!,
    async stop() {
      await child.kill();
      await Promise.all([redis.stop(), database.drop()]);
    },
  };
}

/** Opens the page. */
async function opened(options: Parameters<typeof chromium.open>[1] = {}): Promise<BrowserPage> {
  const page = await chromium.open(`${sample.url}/`, options);
  onTestFinished(() => page.close());
  await eventually('it listens to events', async () =>
    (await page.text('#listening')).startsWith('This page listens'),
  );
  return page;
}

/** Waits until a section shows an answer with this in it, and gives all of the answer's text. */
async function answer(page: BrowserPage, section: string, part: RegExp, timeout = 15_000): Promise<string> {
  const shown = () => page.text(`#${section} .answer`);
  await expect.poll(shown, { timeout }).toMatch(part);
  return shown();
}

const nameAccount = (page: BrowserPage, name: string) =>
  page.evaluate(`document.querySelector('#login [name=email]').value = '${name}@example.com'`);

async function logIn(page: BrowserPage, name: string): Promise<void> {
  await nameAccount(page, name);
  await page.click('#login [type=submit]');
  await answer(page, 'sessions', /Logged in as/);
}

// A login costs the server a password hash, and the machine may have other things to do.
const SOON = { timeout: 15_000 };

const devices = (page: BrowserPage) => page.text('#devices');

test('the first read of a user is shown as a miss and the next as a hit, with fields and commands', async () => {
  const page = await opened();
  await page.click('#read');
  const miss = await answer(page, 'cache', /^MISS: .*, from PostgreSQL/);
  expect(miss).toMatch(/Cache-Status\n.*fwd=uri-miss/);
  expect(miss).toMatch(/(ZADD rate-tally|EVALSHA consume-quota rate-block):\{/);
  expect(miss).toMatch(/SET cache-lease:/);
  await page.click('#read');
  const hit = await answer(page, 'cache', /^HIT: .*, from Redis/);
  expect(hit).toMatch(/Cache-Status\n.*hit/);
  expect(hit).toMatch(/MGET cache:/);
  expect(hit).not.toMatch(/SET cache-lease:/);
  expect(page.complaints).toEqual([]);
  expect(page.requested.length).toBeGreaterThan(3);
  expect(page.requested.filter((url) => !url.startsWith(`${sample.url}/`))).toEqual([]);
});

test('guesses at a password count down to a 429 that says when to try again', async () => {
  const page = await opened();
  await page.click('#guess');
  await answer(page, 'limit', /The email or the password is wrong.*401/);
  await expect.poll(() => page.text('#left-text'), SOON).toBe('9');
  await page.click('#guess-on');
  const refused = await answer(page, 'limit', /^REFUSED: try again in \d+ s .*429/, 30_000);
  expect(refused).toMatch(/Retry-After\n\d+/);
  expect(await page.text('#left-text')).toBe('0');
  // Each guess costs the server a password hash.
}, 40_000);

test('with the keyboard alone somebody logs in, sees a second login and ends it', async () => {
  const page = await opened();
  const focused = () => page.evaluate<string>("document.activeElement.innerText ?? ''");
  const goTo = async (name: string) => {
    for (let presses = 0; presses < 30; presses++) {
      await page.press('Tab');
      if ((await focused()) === name) return;
    }
    expect.fail(`no way to "${name}" by Tab`);
  };
  await nameAccount(page, 'bob');
  await goTo('Log in');
  const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'");
  expect(outline).toBe(true);
  await page.press('Enter');
  await answer(page, 'sessions', /Logged in as/);
  // The focus has stayed, so one step further is the next button.
  await page.press('Tab');
  expect(await focused()).toBe('Log in a second time');
  await page.press('Space');
  await expect.poll(() => devices(page), SOON).toMatch(/This browser.*[\s\S]*Another device/);
  await goTo('End this session');
  await page.press('Enter');
  await expect.poll(() => devices(page), SOON).not.toContain('Another device');
  expect(await devices(page)).toContain('This browser');
  await expect.poll(focused, SOON).toBe('List my sessions');
  await page.press('Enter');
  await answer(page, 'sessions', /Sessions: 1/);
});

test('a change is heard by every open page, and the next read in any of them is fresh', async () => {
  const page = await opened();
  const others = [await opened({ beside: page }), await opened()];
  const [beside, stranger] = others as [BrowserPage, BrowserPage];
  // The first user of the list, whom the other pages read.
  await logIn(page, 'alice');
  await page.click('#read');
  await answer(page, 'cache', /MISS|HIT/);
  await page.evaluate("document.querySelector('#rename [name=name]').value = 'Heard Everywhere'");
  await page.click('#rename [type=submit]');
  await answer(page, 'change', /The name is Heard Everywhere/);
  for (const each of [page, ...others])
    await expect.poll(() => each.text('#heard'), SOON).toMatch(/changed: [0-9a-f-]{36}/);
  for (const each of [beside, stranger]) {
    await each.click('#read');
    await answer(each, 'cache', /Heard Everywhere/);
  }
  expect(await stranger.text('#cache .answer')).toMatch(/^HIT/);
});

test('on a phone nothing is wider than the screen, and each button is large enough for a thumb', async () => {
  const page = await opened({ width: 360, height: 640, mobile: true });
  await logIn(page, 'carol');
  await page.click('#second');
  await answer(page, 'sessions', /is logged in on another device/);
  await expect.poll(() => devices(page), SOON).toContain('Another device');
  for (const [button, section, said] of [
    ['read', 'cache', /HIT|MISS/],
    ['guess', 'limit', /password is wrong/],
    ['list', 'sessions', /Sessions: 2/],
  ] as const) {
    await page.click(`#${button}`);
    await answer(page, section, said);
  }
  await page.click('#rename [type=submit]');
  await answer(page, 'change', /The name is/);
  expect(await page.evaluate('document.scrollingElement.scrollWidth')).toBe(360);
  expect(await page.evaluate('innerWidth')).toBe(360);
  const heights = await page.evaluate<number[]>(
    "[...document.querySelectorAll('button')].map((button) => button.getBoundingClientRect().height)",
  );
  expect(Math.min(...heights)).toBeGreaterThanOrEqual(44);
});

test('a script in the page itself, or from elsewhere, is refused by the browser', async () => {
  const page = await opened();
  const refused = await page.evaluate<string[]>(`new Promise((resolve) => {
    const refused = [];
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
      refused.push(effectiveDirective + ' ' + blockedURI);
      if (refused.length === 3) resolve(refused.sort());
    });
    try {
      document.body.setAttribute('onclick', 'document.title = "run"');
    } catch {}
    document.body.click();
    const image = new Image();
    image.src = 'http://elsewhere.invalid/image';
    fetch('http://elsewhere.invalid/').catch(() => {});
  })`);
  expect(refused).toEqual([
    'connect-src http://elsewhere.invalid/',
    'img-src http://elsewhere.invalid/image',
    'require-trusted-types-for trusted-types-sink',
  ]);
  expect(await page.evaluate('document.title')).not.toBe('run');
});

test('the page says so when the server does not answer', async () => {
  const page = await opened();
  await page.evaluate("window.fetch = () => Promise.reject(new TypeError('gone'))");
  for (const [button, section] of [
    ['#read', 'cache'],
    ['#guess', 'limit'],
    ['#login [type=submit]', 'sessions'],
    ['#second', 'sessions'],
    ['#list', 'sessions'],
    ['#logout', 'sessions'],
    ['#rename [type=submit]', 'change'],
  ] as const) {
    await page.evaluate(`document.querySelector('#${section} .answer').replaceChildren()`);
    await page.click(button);
    await answer(page, section, /The server does not answer/);
  }
  expect(page.complaints).toEqual([]);
});

test('after its user was deleted section 1 reads another one', async () => {
  const page = await opened();
  await page.evaluate(`void (() => {
    const { fetch } = window;
    const first = { users: [{ id: '0197f0b2-0000-7000-8000-000000000000' }] };
    window.fetch = async (path, init) => {
      if (path !== 'users?limit=1') return fetch(path, init);
      window.fetch = fetch;
      return new Response(JSON.stringify(first));
    };
  })()`);
  await page.click('#read');
  expect(await answer(page, 'cache', /: 404,/)).not.toMatch(/^(HIT|MISS)/);
  await page.click('#read');
  await answer(page, 'cache', /^(HIT|MISS): .*: 200,/);
});

test('a section shows the answer to its newest request, although an older one is answered later', async () => {
  const page = await opened();
  await page.evaluate(`void (() => {
    const { fetch } = window;
    window.fetch = async (path, init) => {
      if (path === 'auth/logout') await new Promise((resolve) => { window.letGo = resolve; });
      return fetch(path, init);
    };
  })()`);
  await page.click('#logout');
  await expect.poll(() => page.evaluate('typeof letGo'), SOON).toBe('function');
  await page.click('#list');
  await answer(page, 'sessions', /GET auth\/sessions/);
  await page.evaluate('letGo()');
  const isAnswered = () => page.evaluate<boolean>("!document.querySelector('#logout').ariaDisabled");
  await eventually('the older one is answered', isAnswered);
  expect(await page.text('#sessions .answer')).toMatch(/GET auth\/sessions/);
});
