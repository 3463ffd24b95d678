import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ToolkitError } from '../../../src/errors.js';
import { keys } from '../../../src/keys.js';
import { withLock } from '../../../src/locks/with-lock.js';
import { publisher } from '../../../src/messages/publisher.js';
import { subscriber } from '../../../src/messages/subscriber.js';
import { closeRedis } from '../../../src/redis/connect.js';
import { recordingLogger } from '../../faults/clients.js';
import { quiet, redisForFile } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';

interface Channels {
  orders: number;
  mails: string;
}

const file = redisForFile();

function open(options = {}) {
  const listening = subscriber<Channels>(file.redis, { timeoutMs: 5_000, logger: quiet, ...options });
  onTestFinished(() => listening.close());
  return listening;
}

const publish: ReturnType<typeof publisher<Channels>>['publish'] = (channel, event) =>
  publisher<Channels>(file.redis, { timeoutMs: 5_000 }).publish(channel, event);
const subscribers = async (channel: string) =>
  ((await file.redis.pubsub('NUMSUB', channel)) as [string, number])[1];

/** Publishes on another channel of the same connection, behind what was published before. */
async function allArrived(): Promise<void> {
  let arrived = false;
  const stop = await open().on('mails', (text) => {
    arrived ||= text === 'end';
  });
  await publish('mails', 'end');
  await eventually('the end has arrived', () => arrived);
  stop();
}

describe('on', () => {
  test('all handlers and subscribers of a client share one connection and one subscription', async () => {
    const before = (await connections()).length;
    const [one, two] = [open(), open()];
    for (const listening of [one, one, two]) await listening.on('orders', () => {});
    await one.onPattern('or*', () => {});
    expect(await subscribers('orders')).toBe(1);
    expect((await connections()).length).toBe(Math.max(before, 1));
  });

  test('each handler gets its own copy of an event, which it may change', async () => {
    const listening = subscriber<{ carts: { items: string[] } }>(file.redis, { timeoutMs: 5_000 });
    onTestFinished(() => listening.close());
    const seen: unknown[] = [];
    for (const item of ['a', 'b']) {
      await listening.on('carts', (cart) => {
        cart.items.push(item);
        seen.push(cart.items);
      });
    }
    await publisher(file.redis).publish('carts', { items: [] });
    await eventually('both have it', () => seen.length === 2);
    expect(seen).toEqual([['a'], ['b']]);
  });

  test('when the last handler of a channel stops, the channel is unsubscribed', async () => {
    const listening = open();
    const stops = [await listening.on('orders', () => {}), await listening.on('orders', () => {})];
    stops[0]!();
    stops[0]!();
    await allArrived();
    expect(await subscribers('orders')).toBe(1);
    stops[1]!();
    await allArrived();
    expect(await subscribers('orders')).toBe(0);
  });

  test('a handler that stops itself, or another, does not keep the event from any other handler', async () => {
    const listening = open();
    const seen: string[] = [];
    const stopFirst = await listening.on('orders', () => {
      stopFirst();
      seen.push('first');
    });
    await listening.on('orders', () => seen.push('second'));
    await publish('orders', 1);
    await publish('orders', 2);
    await allArrived();
    expect(seen).toEqual(['first', 'second', 'second']);
  });

  test('an aborted signal stops a handler', async () => {
    const listening = open();
    const aborting = new AbortController();
    let calls = 0;
    await listening.on('orders', () => calls++, { signal: aborting.signal });
    await publish('orders', 1);
    await allArrived();
    aborting.abort();
    await allArrived();
    expect(await subscribers('orders')).toBe(0);
    expect(calls).toBe(1);
    await expect(listening.on('orders', () => {}, { signal: aborting.signal })).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
    expect(await subscribers('orders')).toBe(0);
  });

  test('a signal aborted during SUBSCRIBE rejects with its reason, and leaves no listener', async () => {
    const aborting = new AbortController();
    const reason = new Error('the client has gone');
    const listens = open().on('orders', () => {}, { signal: aborting.signal });
    aborting.abort(reason);
    await expect(listens).rejects.toBe(reason);
    await allArrived();
    expect(await subscribers('orders')).toBe(0);
  });

  test('a handler added right after another was stopped misses no event', async () => {
    const listening = open();
    const seen: number[] = [];
    for (let round = 0; round < 20; round++) {
      const stop = await listening.on('orders', (order) => seen.push(order));
      await publish('orders', round);
      await eventually('it has arrived', () => seen.length === round + 1, { everyMs: 1 });
      stop();
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, round) => round));
  });

  test('the prefix is put in front of channels and patterns, and its glob characters are literal', async () => {
    const listening = open({ prefix: 'a*:' });
    const seen: string[] = [];
    await listening.on('orders', (_order, channel) => seen.push(channel));
    await listening.onPattern('o*', (_order, channel) => seen.push(`by pattern ${channel}`));
    await file.redis.publish('ab:orders', '1');
    await file.redis.publish('orders', '2');
    await publisher<Channels>(file.redis, { prefix: 'a*:' }).publish('orders', 3);
    await allArrived();
    expect(seen).toEqual(['orders', 'by pattern orders']);
  });

  test("a pattern never receives the toolkit's own messages, and the toolkit's channels are refused", async () => {
    const failures: ToolkitError[] = [];
    const listening = open({ onError: (error: ToolkitError) => failures.push(error) });
    const seen: string[] = [];
    await listening.onPattern('*', (_event, channel) => seen.push(channel));
    await file.redis.publish('cache:filled', 'not JSON');
    await file.redis.publish('lock:x', '1');
    await publish('orders', 1);
    await allArrived();
    expect(seen).toEqual(['orders', 'mails']);
    expect(failures).toEqual([]);
    await expect(listening.on('cache:x' as 'orders', () => {})).rejects.toMatchObject({
      code: 'CHANNEL_INVALID',
    });
    await expect(listening.onPattern('cache:*', () => {})).rejects.toMatchObject({ code: 'CHANNEL_INVALID' });
  });

  test('the release of a lock is not delivered as a message, whatever its prefix', async () => {
    const redis = new Redis(file.server.url, { keyPrefix: 'app:' });
    const failures: unknown[] = [];
    const listening = subscriber(redis, { timeoutMs: 5_000, onError: (error) => failures.push(error) });
    onTestFinished(() => closeRedis(redis));
    const seen: string[] = [];
    await listening.onPattern('*', (_event, channel) => seen.push(channel));
    const lock = { ttlMs: 10_000, timeoutMs: 5_000 };
    await withLock(redis, 'report', lock, () => {});
    await withLock(redis, 'report', { ...lock, prefix: 'shop-' }, () => {});
    await redis.publish(keys('shop-').cacheLeaseReleased('x', 'app:'), '');
    await publisher(redis, { timeoutMs: 5_000 }).publish('orders', 1);
    await eventually('the event has arrived', () => seen.includes('orders'));
    expect({ seen, failures }).toEqual({ seen: ['orders'], failures: [] });
  });

  test.each(['cache:', 'lock-released:'])(
    'with the prefix %j a channel of the toolkit is refused',
    async (prefix) => {
      const listening = open({ prefix });
      const refused = { code: 'CHANNEL_INVALID' };
      await expect(listening.on('orders', () => {})).rejects.toMatchObject(refused);
      await expect(listening.onPattern('or*' as 'orders', () => {})).rejects.toMatchObject(refused);
      expect(() => listening.events('orders')).toThrow(expect.objectContaining(refused));
    },
  );

  test('a channel that an ACL forbids is refused, and other channels still work', async () => {
    await file.redis.call(
      'ACL',
      'SETUSER',
      'narrow',
      'on',
      '>secret',
      '+@all',
      '~*',
      'resetchannels',
      '&orders',
    );
    const narrow = new Redis(file.server.url, { username: 'narrow', password: 'secret' });
    onTestFinished(() => narrow.disconnect());
    const logger = recordingLogger();
    const listening = subscriber<Channels>(narrow, { timeoutMs: 5_000, logger });
    const seen: number[] = [];
    const both = await Promise.allSettled([
      listening.on('mails', () => {}),
      listening.on('orders', (order) => seen.push(order)),
    ]);
    expect(both).toMatchObject([
      { status: 'rejected', reason: { code: 'REDIS_MISCONFIGURED' } },
      { status: 'fulfilled' },
    ]);
    await publish('orders', 1);
    await eventually('it has arrived', () => seen.length === 1);

    await file.redis.call('ACL', 'SETUSER', 'narrow', '&mails');
    await listening.on('mails', () => {});
    let isBack = false;
    listening.onGap(() => {
      isBack = true;
    });
    // Redis cuts off whoever listens where it may not any more.
    await file.redis.call('ACL', 'SETUSER', 'narrow', 'resetchannels', '&orders');
    await eventually('it listens again', () => isBack);
    await publish('orders', 2);
    await eventually('it has arrived', () => seen.length === 2);
    listening.close();
  });
});

describe('a failure', () => {
  test('to hear everything is reported as MESSAGES_MISSED, to onError where nobody listens to onGap', async () => {
    const codes: string[] = [];
    const gaps: number[] = [];
    const onError = (error: ToolkitError) => codes.push(error.code);
    await open({ onError }).on('orders', () => {});
    const listening = open({ onError: () => codes.push('although onGap was told') });
    listening.onGap(({ sinceMs }) => gaps.push(sinceMs));
    await listening.on('orders', () => {});
    await file.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually('both are told', () => codes.length > 0 && gaps.length > 0);
    expect(codes).toEqual(['MESSAGES_MISSED']);
  });

  test('of one kind (text that is not JSON, a handler that throws or rejects) disturbs no other handler', async () => {
    const failures: [string, string | undefined, unknown][] = [];
    const listening = open({
      onError: (error: ToolkitError, channel: string) => failures.push([error.code, channel, error.cause]),
    });
    const seen: number[] = [];
    const [thrown, rejected] = [new Error('thrown'), new Error('rejected')];
    await listening.on('orders', () => {
      throw thrown;
    });
    await listening.on('orders', () => Promise.reject(rejected));
    await listening.on('orders', (order) => seen.push(order));
    await publish('orders', 1);
    await allArrived();
    expect(failures).toEqual([
      ['MESSAGE_HANDLER_FAILED', 'orders', thrown],
      ['MESSAGE_HANDLER_FAILED', 'orders', rejected],
    ]);
    await file.redis.publish('orders', '{"cut o');
    await publish('orders', 2);
    await allArrived();
    expect(failures.filter(([code]) => code === 'MESSAGE_UNREADABLE')).toHaveLength(3);
    expect(seen).toEqual([1, 2]);
  });

  test('is logged once per kind, however many messages cause it, and not at all with an onError', async () => {
    const logger = recordingLogger();
    const listening = open({ logger });
    await listening.on('orders', () => {
      throw new Error('always');
    });
    for (let i = 0; i < 20; i++) await publish('orders', i);
    for (let i = 0; i < 20; i++) await file.redis.publish('orders', 'text');
    await allArrived();
    expect(logger.lines).toEqual([
      { level: 'error', message: 'subscriber: a handler failed' },
      { level: 'error', message: 'subscriber: a message on "orders" is not JSON' },
    ]);
  });

  test.each([
    [
      'a throw',
      () => {
        throw new Error('onError');
      },
    ],
    ['a rejection', () => Promise.reject(new Error('onError'))],
  ])('of onError, %s, is logged, and disturbs no handler', async (_, onError) => {
    const logger = recordingLogger();
    const listening = open({ logger, onError });
    const seen: number[] = [];
    await listening.on('orders', (order) => seen.push(order));
    await file.redis.publish('orders', 'text');
    await publish('orders', 1);
    await allArrived();
    expect(seen).toEqual([1]);
    expect(logger.lines).toEqual([{ level: 'error', message: 'subscriber: onError threw' }]);
  });
});

describe('events', () => {
  test('beyond maxBuffered: the oldest are dropped, and EVENTS_DROPPED is reported', async () => {
    const failures: string[] = [];
    const listening = open({ onError: (error: ToolkitError) => failures.push(error.code) });
    const events = listening.events('orders', { maxBuffered: 3 });
    await events.ready;
    for (let i = 1; i <= 5; i++) await publish('orders', i);
    await allArrived();
    expect(failures).toEqual(['EVENTS_DROPPED', 'EVENTS_DROPPED']);
    const seen: number[] = [];
    for await (const order of events) if (seen.push(order) === 3) break;
    expect(seen).toEqual([3, 4, 5]);
  });

  test('beyond maxBuffered with whenFull "error": the loop ends with EVENTS_OVERFLOW after the events that were kept', async () => {
    const events = open().events('orders', { maxBuffered: 3, whenFull: 'error' });
    await events.ready;
    for (let i = 1; i <= 5; i++) await publish('orders', i);
    await allArrived();
    expect(await subscribers('orders')).toBe(0);
    const seen: number[] = [];
    const loop = async () => {
      for await (const order of events) seen.push(order);
    };
    await expect(loop()).rejects.toMatchObject({ code: 'EVENTS_OVERFLOW' });
    expect(seen).toEqual([1, 2, 3]);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('are buffered up to 1000 by default', async () => {
    const events = open().events('orders');
    await events.ready;
    const pipeline = file.redis.pipeline();
    for (let i = 0; i < 1_001; i++) pipeline.publish('orders', String(i));
    await pipeline.exec();
    await allArrived();
    expect(await events.next()).toEqual({ done: false, value: 1 });
  });

  test.each<[string, (aborting: AbortController, listening: ReturnType<typeof open>) => void]>([
    ['aborting the signal', (aborting) => aborting.abort()],
    ['closing the subscriber', (_aborting, listening) => listening.close()],
  ])('%s ends the loop of events, waiting or busy, and drops its buffer', async (_name, cut) => {
    for (const isBusy of [false, true]) {
      const aborting = new AbortController();
      const listening = open();
      const events = listening.events('orders', { signal: aborting.signal });
      await events.ready;
      const seen: number[] = [];
      const loop = (async () => {
        for await (const order of events) {
          seen.push(order);
          if (isBusy) {
            await publish('orders', 2);
            await allArrived();
            cut(aborting, listening);
          }
        }
      })();
      if (isBusy) await publish('orders', 1);
      else cut(aborting, listening);
      await loop;
      expect(seen).toEqual(isBusy ? [1] : []);
      await allArrived();
      expect(await subscribers('orders')).toBe(0);
    }
  });

  test.each<[string, (redis: Redis) => Promise<unknown>]>([
    ['closeRedis', (redis) => closeRedis(redis)],
    ["the owner's quit", (redis) => redis.quit()],
  ])('%s ends a waiting loop of events', async (_name, close) => {
    const redis = new Redis(file.server.url);
    const events = subscriber(redis, { timeoutMs: 5_000, logger: quiet }).events('orders');
    await events.ready;
    const next = events.next();
    await close(redis);
    expect(await next).toEqual({ done: true, value: undefined });
  });

  test('with a signal that is already aborted the loop ends at once', async () => {
    const seen: number[] = [];
    for await (const order of open().events('orders', { signal: AbortSignal.abort() })) seen.push(order);
    expect(seen).toEqual([]);
  });

  test('leaving the loop of events stops listening', async () => {
    const events = open().events('orders');
    await events.ready;
    await publish('orders', 1);
    for await (const _order of events) break;
    await allArrived();
    expect(await subscribers('orders')).toBe(0);
  });

  test('are each given to one of several concurrent calls of next()', async () => {
    const events = open().events('orders');
    await events.ready;
    const asked = [events.next(), events.next(), events.next()];
    await publish('orders', 1);
    await publish('orders', 2);
    await Promise.all(asked.slice(0, 2));
    await events.return();
    expect(await Promise.all(asked)).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: true, value: undefined },
    ]);
  });

  test('are buffered from the call of events() on, before the first next()', async () => {
    const events = open().events('orders');
    await events.ready;
    await publish('orders', 1);
    await allArrived();
    await sleep(0);
    expect(await events.next()).toEqual({ done: false, value: 1 });
  });

  test('options are checked', () => {
    const events = (options: object) => () => open().events('orders', options);
    expect(events({ maxBuffered: 0 })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    expect(events({ whenFull: 'block' })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    expect(events({ signal: {} })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    expect(events({ maxbuffered: 1 })).toThrow(/did you mean "maxBuffered"/);
    expect(() => open().events('lock:x' as 'orders')).toThrow(
      expect.objectContaining({ code: 'CHANNEL_INVALID' }),
    );
  });
});

test('subscriber checks its options and handlers', async () => {
  const invalid = { code: 'OPTION_INVALID' };
  await expect(open().on('orders', 'x' as never)).rejects.toMatchObject(invalid);
  await expect(open().on('orders', () => {}, { signal: 1 as never })).rejects.toMatchObject(invalid);
  expect(() => open().onGap(1 as never)).toThrow(expect.objectContaining(invalid));
  expect(() => open({ onError: 1 })).toThrow(expect.objectContaining(invalid));
  expect(() => open({ onErr: () => {} })).toThrow(/did you mean "onError"/);
});

test('events are typed by channel', () => {
  const compiled = (listening: ReturnType<typeof open>) => [
    listening.on('orders', (order) => order.toFixed()),
    // @ts-expect-error an order is a number
    listening.on('orders', (order) => order.toUpperCase()),
    // @ts-expect-error no channel of that name
    listening.on('order', () => {}),
    listening
      .events('mails')
      .next()
      .then(({ value }) => value?.toUpperCase()),
  ];
  expect(compiled).toBeTypeOf('function');
});

async function connections(): Promise<string[]> {
  const list = (await file.redis.client('LIST', 'TYPE', 'PUBSUB')) as string;
  return list.split('\n').filter((line) => line !== '');
}
