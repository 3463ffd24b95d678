import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forkTypeScript, type TypeScriptChild } from '../../support/processes.js';
import { sized } from '../../support/size.js';
import { redisForFile } from '../support/redis-for-file.js';
import { clientOf, SECRET } from './support/session-client.js';
import { KINDS, type Kind } from './support/session-kinds.js';

const file = redisForFile();
const ROUNDS = sized({ quick: 25, full: 200 });

interface Instance {
  child: TypeScriptChild;
  url: string;
}

const instances = {} as Record<Kind, [Instance, Instance]>;

async function start(kind: Kind): Promise<Instance> {
  const env = { REDIS_URL: file.server.url, SECRET, KIND: kind };
  const child = await forkTypeScript(join(__dirname, 'support/session-process.ts'), { env });
  return { child, url: await child.call<string>('listen') };
}

beforeAll(async () => {
  for (const kind of KINDS) instances[kind] = [await start(kind), await start(kind)];
});
afterAll(async () => {
  await Promise.all(
    Object.values(instances)
      .flat()
      .map(({ child }) => child.kill()),
  );
});

/** Sends a request that loads the session, waits for `meanwhile`, and then changes the session it has loaded. */
async function during(
  one: { child: TypeScriptChild; url: string },
  cookie: string,
  query: string,
  meanwhile: () => Promise<unknown>,
) {
  await one.child.call('prepare');
  const answer = clientOf(one.url, cookie).get(`/hold?${query}`);
  await one.child.call('arrived');
  await meanwhile();
  await one.child.call('release');
  return answer;
}

async function rounds(kind: Kind, round: (here: Instance, there: Instance, kind: Kind) => Promise<boolean>) {
  let bad = 0;
  for (let n = 0; n < ROUNDS; n++) if (await round(...instances[kind], kind)) bad++;
  return bad;
}

async function loses(here: Instance, there: Instance): Promise<boolean> {
  const one = clientOf(here.url);
  await one.get('/set?start=1');
  await during(here, one.cookie, 'left=1', () =>
    during(there, one.cookie, 'right=1', () => Promise.resolve()),
  );
  const stored = JSON.parse((await one.get('/show')).text);
  return !(stored.start && stored.left && stored.right);
}

async function resurrects(here: Instance, there: Instance, kind: Kind): Promise<boolean> {
  const one = clientOf(here.url);
  await one.get('/set?start=1');
  const old = one.cookie;
  const slow = await during(here, old, 'late=1', () => clientOf(there.url, old).get('/logout'));
  expect(slow.status).toBe(kind === 'ours' ? 409 : 200);
  const { cookie: _, ...left } = JSON.parse((await clientOf(there.url, old).get('/show')).text);
  return Object.keys(left).length > 0 || slow.cookie !== undefined;
}

describe('two processes', () => {
  test.each([
    ['parallel requests that set different session properties lose none', loses],
    ['a session destroyed during a slower request stays destroyed', resurrects],
  ])('%s', { timeout: 120_000 }, async (what, round) => {
    const [theirs, ours] = [await rounds('express-session', round), await rounds('ours', round)];
    console.info(
      `${what}: in ${ROUNDS} rounds ours failed ${ours}, express-session + connect-redis ${theirs}`,
    );
    expect(ours).toBe(0);
    // If the peer passed as well, the test would prove nothing.
    expect(theirs).toBeGreaterThan(0);
  });
});

test('ten session properties that are set in parallel through two processes are all stored', async () => {
  const [left, right] = instances.ours;
  for (let round = 0; round < sized({ quick: 5, full: 50 }); round++) {
    const one = clientOf(left.url);
    await one.get('/set?start=1');
    const other = clientOf(right.url, one.cookie);
    const names = Array.from({ length: 10 }, (_, index) => `field${index}`);
    await Promise.all(names.map((name, index) => (index % 2 ? one : other).get(`/set?${name}=x`)));
    expect(Object.keys(JSON.parse((await one.get('/show')).text))).toEqual(expect.arrayContaining(names));
  }
});
