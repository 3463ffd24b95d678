import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { closeRedis, connectRedis, type RedisClient, withLock } from '../../index.js';
import { DEMO_PASSWORD } from '../../server/seed.js';
import { safeId } from '../../src/keys.js';
import { asOwnTag } from '../../src/tags/checked-names.js';
import { quiet } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { printedSeed, random } from '../support/random.js';
import { evaluate, startNeighbours } from './support/python-service.js';

let neighbours: Awaited<ReturnType<typeof startNeighbours>>;
let redis: RedisClient;
let pool: Pool;

beforeAll(async () => {
  neighbours = await startNeighbours();
  redis = connectRedis({ url: neighbours.redis.url, logger: quiet });
  pool = new Pool({ connectionString: neighbours.databaseUrl });
}, 90_000);
afterAll(async () => {
  await closeRedis(redis);
  await pool?.end();
  await neighbours?.stop();
});

const NAMES = 'alice bob carol dan erin frank grace heidi ivan judy kofi lena niaj olivia peggy'.split(' ');
let clients = 0;

/** Somebody who is logged in at the sample. No two tests log in the same person. */
async function somebody() {
  const email = `${NAMES[clients++]}@example.com`;
  const headers = { 'Content-Type': 'application/json', 'X-Forwarded-For': `10.9.8.${clients}` };
  const login = await fetch(`${neighbours.url}/auth/login`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ email, password: DEMO_PASSWORD }),
  });
  expect(login.status).toBe(200);
  const { id, name } = (await login.json()) as { id: string; name: string };
  const cookie = login.headers.getSetCookie()[0]!.split(';')[0]!;
  const ask = (url: string, init: RequestInit = {}) =>
    fetch(url, { ...init, headers: { ...headers, cookie, ...init.headers } });
  const json = async (url: string) => (await (await ask(url)).json()) as { id: string; name: string };
  return {
    id,
    name,
    cookie,
    ask,
    /** The Express app's cached response for everybody. */
    async page() {
      const response = await ask(`${neighbours.url}/users/${id}`);
      const { name } = (await response.json()) as { name: string };
      return { name, isHit: /;\s*hit/.test(response.headers.get('cache-status') ?? '') };
    },
    /** The user as a cached value, which both services share. */
    inExpress: () => json(`${neighbours.url}/auth/me`),
    inPython: () => json(`${neighbours.pythonUrl}/users/${id}`),
    renameInPython: (name: string, pythonUrl = neighbours.pythonUrl) =>
      ask(`${pythonUrl}/me`, { method: 'PATCH', body: JSON.stringify({ name }) }),
    /** Behind the back of both. */
    async renameInDatabase(name = `Renamed ${randomUUID()}`) {
      await pool.query('UPDATE users SET name = $2 WHERE id = $1', [id, name]);
      return name;
    },
    /** Lets nobody else change this user until the function that this resolves with is called. */
    async heldInDatabase() {
      const holder = await pool.connect();
      await holder.query('BEGIN');
      await holder.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [id]);
      let isOver = false;
      const letGo = async () => {
        if (isOver) return;
        isOver = true;
        await holder.query('COMMIT');
        holder.release();
      };
      onTestFinished(letGo);
      return letGo;
    },
  };
}

type Person = Awaited<ReturnType<typeof somebody>>;

async function cachedPage(person: Person): Promise<string> {
  await eventually('the page is cached', async () => (await person.page()).isHit);
  return (await person.page()).name;
}

const isMarked = async ({ id }: Person) => (await redis.get(`tag:user:${id}`))?.startsWith('!') === true;

test('a value that Express cached is served by Python, until Express changes it', async () => {
  const person = await somebody();
  const user = await person.inExpress();
  await person.renameInDatabase();
  expect(await person.inPython()).toEqual(user);
  const body = JSON.stringify({ name: 'New Name' });
  await person.ask(`${neighbours.url}/users/${person.id}`, { method: 'PATCH', body });
  expect(await person.inPython()).toMatchObject({ name: 'New Name' });
});

test('a value that Python cached is served by Express, until Python changes it', async () => {
  const person = await somebody();
  await redis.del(`user:${person.id}`);
  const user = await person.inPython();
  await person.renameInDatabase();
  expect(await person.inExpress()).toEqual(user);
  expect(await redis.pttl(`user:${person.id}`)).toBeGreaterThan(0);
  expect((await person.renameInPython(' New Name ')).status).toBe(200);
  expect(await person.inExpress()).toMatchObject({ name: 'New Name' });
});

test('what somebody else stored under the key of a value is a miss in Python', async () => {
  const person = await somebody();
  const user = await person.inPython();
  for (const other of [
    '{"value":1,"freshUntil":"x","versions":{}}',
    '{"value":1,"freshUntil":9e15,"versions":"none"}',
    '{"value":1,"freshUntil":9e15,"versions":null}',
    '['.repeat(100_000),
    '',
    Buffer.from([0xff, 0xfe]),
  ]) {
    await redis.set(`user:${person.id}`, other);
    expect(await person.inPython()).toEqual(user);
  }
});

test('a tag that Python invalidates makes pages and values in Express fresh', async () => {
  const person = await somebody();
  const name = await person.renameInDatabase('Two   Spaces');
  await person.renameInPython(name);
  expect(await cachedPage(person)).toBe(name);
  const job = neighbours.job();
  expect((await job.exited).code, job.output()).toBe(0);
  expect(await person.page()).toEqual({ name: 'Two Spaces', isHit: false });
  expect(await person.inExpress()).toMatchObject({ name: 'Two Spaces' });
});

test('while Python changes a user nothing is served from the cache, and afterwards all is fresh', async () => {
  const person = await somebody();
  await cachedPage(person);
  const letGo = await person.heldInDatabase();
  const renaming = person.renameInPython('In Python');
  const isStored = () => redis.exists(`user:${person.id}`);
  await eventually('the tag is marked', () => isMarked(person));
  for (let reads = 0; reads < 3; reads++)
    expect(await person.page()).toEqual({ name: person.name, isHit: false });
  // Python stores nothing either that is from before the change.
  await redis.del(`user:${person.id}`);
  expect(await person.inPython()).toMatchObject({ name: person.name });
  expect(await isStored()).toBe(0);
  await letGo();
  expect((await renaming).status).toBe(200);
  expect((await person.page()).name).toBe('In Python');
  expect(await person.inPython()).toMatchObject({ name: 'In Python' });
  expect(await isStored()).toBe(1);
  expect(await cachedPage(person)).toBe('In Python');
});

test('a mark of Python is renewed while the change runs, and set again after Redis lost its data', async () => {
  const person = await somebody();
  // Somebody names the state of Redis, as any page does.
  await cachedPage(person);
  const letGo = await person.heldInDatabase();
  const renaming = person.renameInPython('Slow Change');
  const leftMs = () => redis.pttl(`tag:user:${person.id}`);
  await eventually('the mark is there', () => isMarked(person));
  await eventually('a third of its time is over', async () => (await leftMs()) < 11_000, {
    withinMs: 8_000,
  });
  await eventually('it is renewed', async () => (await leftMs()) > 14_000);
  await redis.flushall();
  // Another read lets Express name the new state.
  await person.page();
  await eventually('it is set again', () => isMarked(person), { withinMs: 2_000 });
  await letGo();
  // The session is gone with the data, but the change had begun.
  expect((await renaming).status).toBe(200);
  expect((await person.page()).name).toBe('Slow Change');
});

test('Python killed within a change leaves marks that expire', async () => {
  const person = await somebody();
  await cachedPage(person);
  const { child, pythonUrl } = await neighbours.another();
  const letGo = await person.heldInDatabase();
  const renaming = person.renameInPython('Never Told', pythonUrl).catch(() => 'gone');
  await eventually('the tag is marked', () => isMarked(person));
  await child.kill();
  expect(await renaming).toBe('gone');
  await letGo();
  expect(await isMarked(person)).toBe(true);
  expect(await redis.pttl(`tag:user:${person.id}`)).toBeLessThanOrEqual(15_000);
  // The database may have committed: whatever it says now is what everybody is told.
  const { rows } = await pool.query('SELECT name FROM users WHERE id = $1', [person.id]);
  expect((await person.page()).name).toBe(rows[0].name);
});

test('a lock that Express holds is refused to Python, which waits and is woken by the release', async () => {
  let waiting: ReturnType<typeof neighbours.job> | undefined;
  const fencing = await withLock(redis, 'tidy-names', { ttlMs: 60_000 }, async (hold) => {
    const refused = neighbours.job();
    expect((await refused.exited).code).toBe(1);
    expect(refused.output()).toBe('Another process is at it.\n');
    waiting = neighbours.job('30');
    await eventually('it listens for the release', async () => {
      const [, listeners] = (await redis.pubsub('NUMSUB', 'lock-released:tidy-names')) as [string, number];
      return listeners > 0;
    });
    return hold.fencing;
  });
  // The key would have lived on for most of a minute: the message woke it.
  expect((await waiting!.exited).code, waiting!.output()).toBe(0);
  const [, number] = /number (\d+)/.exec(waiting!.output())!;
  expect(Number(number)).toBeGreaterThan(fencing);
});

test('a lock that Python holds is renewed and refused to Express, until Python releases it', async () => {
  const person = await somebody();
  await person.renameInDatabase('To   Tidy');
  const letGo = await person.heldInDatabase();
  const job = neighbours.job();
  await eventually('Python holds it', () => /number \d+/.test(job.output()), { withinMs: 10_000 });
  const take = (waitMs: number) =>
    withLock(redis, 'tidy-names', { ttlMs: 5_000, waitMs }, (hold) => hold.fencing);
  await expect(take(0)).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
  const leftMs = () => redis.pttl('lock:tidy-names');
  await eventually('a third of its time is over', async () => (await leftMs()) < 7_500);
  await eventually('it is renewed', async () => (await leftMs()) > 9_000);
  const taking = take(30_000);
  await letGo();
  expect(await taking).toBeGreaterThan(Number(/number (\d+)/.exec(job.output())![1]));
  expect((await job.exited).code).toBe(0);
});

test('Python reports a lock that it has lost, and leaves the new holder its lock', async () => {
  const person = await somebody();
  await person.renameInDatabase('To   Tidy Too');
  const letGo = await person.heldInDatabase();
  const job = neighbours.job();
  await eventually('Python holds it', () => /number \d+/.test(job.output()), { withinMs: 10_000 });
  await redis.del('lock:tidy-names');
  await withLock(redis, 'tidy-names', { ttlMs: 60_000 }, async (hold) => {
    await letGo();
    expect((await job.exited).code).toBe(1);
    expect(job.output()).toContain('The lock was lost');
    expect(hold.signal.aborted).toBe(false);
    expect(await redis.exists('lock:tidy-names')).toBe(1);
  });
});

/** The events of a stream from now on, without the comments that keep it alive. */
async function eventsOf(url: string) {
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const response = await fetch(url, { signal: gone.signal });
  expect(response.status).toBe(200);
  let text = '';
  const reading = (async () => {
    for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
    return 'ended';
  })().catch(() => 'cut off');
  await eventually('it listens', () => text.startsWith(': listening'));
  const heard = () =>
    [...text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, type, data]) => ({
      type,
      ...JSON.parse(data!),
    }));
  return { heard, ended: reading };
}

/** Resolves once the service hears the channel, as it does soon after it started. */
const pythonListens = (others = 0) =>
  eventually('Python listens', async () => {
    const [, listeners] = (await redis.pubsub('NUMSUB', 'user-events')) as [string, number];
    return listeners > others;
  });

test('a change by Express is heard in Python, and a change by Python in Express', async () => {
  const person = await somebody();
  await pythonListens();
  const inPython = await eventsOf(`${neighbours.pythonUrl}/events`);
  const inExpress = await eventsOf(`${neighbours.url}/users/events`);
  const body = JSON.stringify({ name: 'By Express' });
  await person.ask(`${neighbours.url}/users/${person.id}`, { method: 'PATCH', body });
  const changed = { type: 'changed', id: person.id };
  await expect.poll(inPython.heard, { timeout: 5_000 }).toEqual([changed]);
  await person.renameInPython('By Python');
  await expect.poll(inPython.heard, { timeout: 5_000 }).toEqual([changed, changed]);
  await expect.poll(inExpress.heard, { timeout: 5_000 }).toEqual([changed, changed]);
});

test('after its connection was cut Python hears a gap, and then events as before', async () => {
  await pythonListens();
  const inPython = await eventsOf(`${neighbours.pythonUrl}/events`);
  await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  const gap = { type: 'gap' };
  await expect.poll(inPython.heard, { timeout: 5_000 }).toEqual([gap]);
  await redis.publish('user-events', 'no JSON');
  await redis.publish('user-events', JSON.stringify({ type: 'x\nevent: changed', id: 1 }));
  await redis.publish('user-events', JSON.stringify({ type: 'changed', id: 'a\nb' }));
  await expect.poll(inPython.heard, { timeout: 5_000 }).toEqual([gap, gap, { type: 'changed', id: 'a\nb' }]);
});

test('SIGTERM ends the streams of Python, and the service with them', async () => {
  const { child, pythonUrl } = await neighbours.another();
  const stream = await eventsOf(`${pythonUrl}/events`);
  await child.kill('SIGTERM');
  expect(await stream.ended).toBe('ended');
  expect(await child.exited).toEqual({ code: 0, signal: null });
});

test('Python knows who is logged in, by a signed cookie of a session that lives', async () => {
  const person = await somebody();
  const me = (cookie: string) => fetch(`${neighbours.pythonUrl}/me`, { headers: { cookie } });
  const inPython = await me(`theme=dark; connect.sid=s%3Aforged.c2ln; ${person.cookie}`);
  expect(await inPython.json()).toEqual(await person.inExpress());
  expect(inPython.headers.get('cache-control')).toBe('no-store');

  const other = person.cookie.endsWith('A') ? 'B' : 'A';
  for (const cookie of ['', 'connect.sid=', `${person.cookie.slice(0, -1)}${other}`, `x${person.cookie}`])
    expect((await me(cookie)).status, cookie).toBe(401);
  await person.ask(`${neighbours.url}/auth/logout`, { method: 'POST' });
  expect((await me(person.cookie)).status).toBe(401);
});

test('a request to Python keeps a session alive as a request to Express does', async () => {
  const person = await somebody();
  const [key] = await redis.zrange(`user-sessions:${person.id}`, 0, '-1');
  const meta = (await redis.hget(`session:${key}`, '@meta'))!.split(' ');
  // Two minutes ago, by what is stored.
  meta[3] = String(Number(meta[3]) - 120_000);
  await redis.hset(`session:${key}`, '@meta', meta.join(' '));
  await person.ask(`${neighbours.pythonUrl}/me`);
  const seen = (await redis.hget(`session:${key}`, '@meta'))!.split(' ')[3];
  expect(Number(seen)).toBeGreaterThan(Number(meta[3]) + 60_000);
});

test('a page of another origin changes nothing in Python', async () => {
  const person = await somebody();
  const foreign: Record<string, string>[] = [
    { Origin: 'http://127.0.0.1:1' },
    { Origin: 'null' },
    { 'Sec-Fetch-Site': 'same-site' },
  ];
  for (const headers of foreign) {
    const init = { method: 'PATCH', headers, body: JSON.stringify({ name: 'Elsewhere' }) };
    expect((await person.ask(`${neighbours.pythonUrl}/me`, init)).status).toBe(403);
  }
  expect(await person.inPython()).toMatchObject({ name: person.name });
});

test('without Redis, Python reads from the database, and changes nothing', async () => {
  const person = await somebody();
  await person.inPython();
  const name = await person.renameInDatabase();
  neighbours.redis.freeze();
  try {
    expect(await person.inPython()).toMatchObject({ name });
    expect((await person.renameInPython('Not Told')).status).toBe(503);
  } finally {
    neighbours.redis.thaw();
  }
  const { rows } = await pool.query('SELECT name FROM users WHERE id = $1', [person.id]);
  expect(rows[0].name).toBe(name);
});

test('random keys and tags have the same names in Python', async () => {
  const { below, pick } = random(printedSeed('names in Python'));
  const parts = [
    'a',
    ':',
    '%',
    '{',
    '}',
    ' ',
    '\t',
    '\u00a0',
    '\ufeff',
    '\u0085',
    '\u2028',
    '\u180e',
    'é',
    '😀',
  ];
  const edges = ['a', 'é', '😀'].flatMap((char) =>
    [99, 100, 101, 200, 201].map((length) => char.repeat(length)),
  );
  const drawn = Array.from({ length: 300 }, (_, i) => {
    const start = pick(['', '', '', 'sha256-', '*', 'url:', 'key:', '=']);
    const length = i % 3 === 0 ? 100 + below(120) : below(20);
    return start + Array.from({ length }, () => pick(parts)).join('');
  });
  const texts = [...edges, ...drawn];
  const names = await evaluate('toolkit.names', '[[safe_id(text), own_tag(text)] for text in given]', texts);
  expect(names).toEqual(texts.map((text) => [safeId(text), asOwnTag(text)]));
});
