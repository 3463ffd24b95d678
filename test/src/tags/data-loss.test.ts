import { Redis } from 'ioredis';
import { afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { linkTo } from '../../../src/redis/link.js';
import { beginMutation } from '../../../src/tags/mutation.js';
import { pinVersions } from '../../../src/tags/pinned-versions.js';
import { type TagVersions, tagVersions } from '../../../src/tags/tag-versions.js';
import { quiet } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';
import { patient } from '../../support/patient.js';
import { startRedis, type TestRedis } from '../../support/redis.js';

let server: TestRedis;
let observer: Redis;
let prefix = '';
let count = 0;

beforeAll(async () => {
  server = await startRedis();
  observer = new Redis(server.url);
  observer.on('error', () => {});
  return async () => {
    observer.disconnect();
    await server.stop();
  };
});
afterEach(() => {
  prefix = `${++count}:`;
});

/** A process of its own, as far as the state of Redis is concerned. */
function startProcess(url = server.url): TagVersions {
  const redis = patient(connectRedis({ url, logger: quiet }));
  onTestFinished(() => closeRedis(redis));
  return tagVersions(redis, { prefix, timeoutMs: 1000 });
}

const mayStore = async (versions: TagVersions) =>
  pinVersions(['a'], await versions.readOrCreate(['a'])) !== undefined;
const mutate = async (versions: TagVersions) => (await beginMutation(versions, ['a'])).finish();
const loseData = async () => {
  const keys = await observer.keys(`${prefix}*`);
  await observer.del(...keys);
};
const msUntilStored = async (versions: TagVersions) => {
  const began = performance.now();
  await eventually('something may be stored', () => mayStore(versions), { everyMs: 5 });
  return performance.now() - began;
};

test('a fresh Redis may be stored in at once, also after a mutation', async () => {
  expect(await mayStore(startProcess())).toBe(true);
  const one = startProcess();
  await mutate(one);
  expect(await mayStore(one)).toBe(true);
  expect(await mayStore(startProcess())).toBe(true);
});

test('data that is lost without any mark having been set stops nobody from storing', async () => {
  const one = startProcess();
  await mayStore(one);
  await loseData();
  expect(await mayStore(one)).toBe(true);
});

test('after a loss of data in which marks may have been lost nobody stores for a second, new processes included', async () => {
  const [one, two] = [startProcess(), startProcess()];
  await mutate(one);
  await mayStore(two);
  await loseData();
  expect(await mayStore(two)).toBe(false);
  expect(await mayStore(one)).toBe(false);
  expect(await mayStore(startProcess())).toBe(false);
  expect(await msUntilStored(two)).toBeLessThan(1_500);
  expect(await mayStore(one)).toBe(true);
});

test('a process that starts after the loss notices it by the marks that were set before', async () => {
  await mutate(startProcess());
  await loseData();
  expect(await mayStore(startProcess())).toBe(false);
});

test('a process that only served hits notices a loss too', async () => {
  const [one, reader] = [startProcess(), startProcess()];
  await mutate(one);
  await reader.read(['a']);
  await eventually('it has looked', () => reader.stateKnown(['a']) !== undefined);
  await loseData();
  expect(await mayStore(reader)).toBe(false);
});

test('a process that took the loss for a beginning is stopped by the next that knows better', async () => {
  const [known, fresh] = [startProcess(), startProcess()];
  await mutate(known);
  await loseData();
  // As after a restart, which forgets the scripts too.
  await observer.script('FLUSH');
  expect(await mayStore(fresh)).toBe(true);
  await mutate(startProcess());
  expect(await mayStore(known)).toBe(false);
  expect(await mayStore(fresh)).toBe(false);
  const names = new Set<string | undefined>();
  for (let looks = 0; looks < 5; looks++) {
    await Promise.all([known.state(['a']), fresh.state(['a'])]);
    names.add(known.stateKnown(['a'])).add(fresh.stateKnown(['a']));
  }
  expect(names.size).toBe(1);
});

test('the loss of one or two of the three copies is no loss of data, and they are repaired', async () => {
  const [one, two] = [startProcess(), startProcess()];
  await mutate(one);
  await mayStore(two);
  for (const copies of [['1'], ['2', '3'], ['1', '3']]) {
    await observer.del(...copies.map((copy) => `${prefix}epoch:state:{0}:${copy}`));
    expect(await mayStore(one)).toBe(true);
    expect(await mayStore(two)).toBe(true);
    expect((await observer.keys(`${prefix}epoch:state:*`)).length).toBe(3);
  }
});

test('a loss between the start of a fill and its late tags is no start for them', async () => {
  const one = startProcess();
  const { epoch } = await one.start(['a'], 'create');
  await loseData();
  await observer.set(`${prefix}epoch:invalidation`, epoch!.split(' ')[0]!);
  await one.readOrCreate(['late']);
  expect(await one.epoch()).not.toBe(epoch);
});

test('marks are set again within the second in which nobody stores', async () => {
  const [one, two] = [startProcess(), startProcess()];
  await mayStore(two);
  const mutation = await beginMutation(one, ['a']);
  await loseData();
  expect(await mayStore(two)).toBe(false);
  const isMarked = async () => (await observer.get(`${prefix}tag:a`))?.startsWith('!') === true;
  await eventually('the mark is there again', isMarked, { withinMs: 900 });
  await mutation.finish();
  expect(await isMarked()).toBe(false);
});

test('where the run of the server and its scripts may not be asked for, a loss is noticed all the same', async () => {
  await observer.acl('SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-info', '-script');
  const url = server.url.replace('redis://', 'redis://app:secret@');
  const one = startProcess(url);
  expect(await mayStore(one)).toBe(false);
  await msUntilStored(one);
  await loseData();
  expect(await mayStore(one)).toBe(false);
});

test('all fills of an event-loop turn look once, behind their versions', async () => {
  const redis = patient(connectRedis({ url: server.url, logger: quiet }));
  onTestFinished(() => closeRedis(redis));
  const versions = tagVersions(redis, { prefix, timeoutMs: 1000 });
  await mayStore(versions);
  const sent: string[] = [];
  const link = linkTo(redis);
  const send = link.send.bind(link);
  link.send = ((name: string, ...rest: [never, never]) => {
    sent.push(name);
    return send(name, ...rest);
  }) as typeof link.send;
  await Promise.all(['a', 'b', 'c'].map((tag) => versions.readOrCreate([tag])));
  expect(sent).toEqual(['set', 'set', 'set', 'mget']);
});

test('another run of the server is a loss, whatever came back with it', async () => {
  const one = startProcess();
  await mutate(one);
  await observer.save();
  await server.restart();
  await eventually('the process reaches Redis', () =>
    one.read(['a']).then(
      () => true,
      () => false,
    ),
  );
  expect(await mayStore(one)).toBe(false);
  expect(await msUntilStored(one)).toBeGreaterThan(2_000);
}, 30_000);
