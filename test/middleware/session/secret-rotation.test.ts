import { join } from 'node:path';
import cookieParser from 'cookie-parser';
import express, { type Express } from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { session } from '../../../middleware/session/session.js';
import { forkTypeScript, type TypeScriptChild } from '../../support/processes.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';
import { type Client, clientOf, data, serveSessions } from './support/session-client.js';

const file = redisForFile();

// The secrets of a process, and the milliseconds after which it signs cookies of older secrets again ('' is the default).
const PROCESSES = {
  old: ['old', ''],
  oldAcceptingNew: ['old,new', ''],
  newWaiting: ['new,old', ''],
  newAtOnce: ['new,old', '0'],
  new: ['new', ''],
} as const;
type Name = keyof typeof PROCESSES;

const children: TypeScriptChild[] = [];
const urls = {} as Record<Name, string>;

beforeAll(async () => {
  const start = async (name: Name) => {
    const [SECRET, RESIGN_AFTER_MS] = PROCESSES[name];
    const env = { REDIS_URL: file.server.url, KIND: 'ours', SECRET, RESIGN_AFTER_MS };
    const child = await forkTypeScript(join(__dirname, 'support/session-process.ts'), { env });
    children.push(child);
    urls[name] = await child.call<string>('listen');
  };
  await Promise.all((Object.keys(PROCESSES) as Name[]).map(start));
});
afterAll(() => Promise.all(children.map((child) => child.kill())));

/** Sends a change through each process in turn, as a browser does during a rolling deployment. */
async function surviveChanges(browser: Client, pair: readonly Name[]): Promise<boolean> {
  for (let round = 0; round < 3; round++) {
    for (const name of pair) {
      browser.url = urls[name];
      await browser.get(`/set?change=${Math.random()}`);
    }
  }
  return JSON.parse((await browser.get('/show')).text).login === '1';
}

async function logIn(name: Name): Promise<Client> {
  const browser = clientOf(urls[name]);
  await browser.get('/set?login=1');
  return browser;
}

test('a new secret in front logs out no existing session while old and new processes run side by side', async () => {
  expect(await surviveChanges(await logIn('old'), ['newWaiting', 'old'])).toBe(true);
  expect(await surviveChanges(await logIn('old'), ['old', 'newWaiting'])).toBe(true);
  // Signed again at once, the old processes replace the cookie: the test can fail.
  expect(await surviveChanges(await logIn('old'), ['newAtOnce', 'old'])).toBe(false);
});

test.each<[string, Name, Name]>([
  ['1: the new secret is accepted', 'old', 'oldAcceptingNew'],
  ['2: the new secret signs', 'oldAcceptingNew', 'newAtOnce'],
])('a rotation in two steps logs nobody out, step %s', async (_step, before, after) => {
  for (const at of [before, after]) {
    expect(await surviveChanges(await logIn(at), [after, before])).toBe(true);
    expect(await surviveChanges(await logIn(at), [before, after])).toBe(true);
  }
});

test('after a rotation the old secret can be removed for sessions that were seen meanwhile', async () => {
  const browser = await logIn('old');
  browser.url = urls.newAtOnce;
  await browser.get('/show');
  expect(await surviveChanges(browser, ['new', 'newAtOnce'])).toBe(true);
});

function routes(app: Express): void {
  app.get('/visit', (req, res) => {
    data(req).visited = true;
    res.end();
  });
  app.get('/login', async (req, res) => {
    await req.session.regenerate();
    data(req).user = 'ann';
    res.end();
  });
  app.get('/logout', async (req, res) => {
    await req.session.destroy();
    res.end();
  });
  app.get('/show', (req, res) => void res.json(data(req).user ?? null));
}

test.each([
  ['that has a session', '/visit'],
  ['that has logged out', '/logout'],
])(
  'a login on a new process keeps the secret of a browser %s, so that old processes accept it',
  async (_what, before) => {
    const old = await serveSessions({ redis: file.redis, secret: 'old' }, routes);
    const fresh = await serveSessions({ redis: file.redis, secret: ['new', 'old'] }, routes);
    const browser = old.client();
    await browser.get('/visit');
    await browser.get(before);
    browser.url = fresh.url;
    await browser.get('/login');
    browser.url = old.url;
    expect((await browser.get('/show')).text).toBe('"ann"');
  },
);

test('with the secrets of cookie-parser a rotation in two steps logs nobody out, and signs all cookies again', async () => {
  const behindParser = async (...secrets: string[]) => {
    const app = express().use(cookieParser(secrets));
    routes(app.use(session({ redis: file.redis, logger: quiet, resignAfterMs: 0 })));
    return serve(app);
  };
  const [old, accepting, signing, fresh] = await Promise.all([
    behindParser('old'),
    behindParser('old', 'new'),
    behindParser('new', 'old'),
    behindParser('new'),
  ]);
  const browser = clientOf(old);
  await browser.get('/login');
  for (const url of [accepting, old, signing, accepting, signing, fresh]) {
    browser.url = url;
    expect((await browser.get('/show')).text).toBe('"ann"');
  }
});
