import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { publisher } from '../../../src/messages/publisher.js';
import { subscriberConnectionOf } from '../../../src/subscriptions/subscriber-connection.js';
import { quiet, redisForFile, throughProxy } from '../../middleware/support/redis-for-file.js';
import { eventually } from '../../support/eventually.js';

const file = redisForFile();
const open = (options = {}) => publisher(file.redis, { timeoutMs: 5_000, ...options });

async function heard(...channels: string[]) {
  const lines: string[] = [];
  for (const channel of channels) {
    const stop = await subscriberConnectionOf(file.redis).listen(channel, (text, on) =>
      lines.push(`${on} ${text}`),
    );
    onTestFinished(stop);
  }
  return lines;
}

test('a message is plain JSON, on the channel of that name behind the prefix', async () => {
  const lines = await heard('orders', 'shop:orders');
  await open().publish('orders', { id: 7 });
  await open({ prefix: 'shop:' }).publish('orders', ['a', null]);
  await eventually('both have arrived', () => lines.length === 2);
  expect(lines).toEqual(['orders {"id":7}', 'shop:orders ["a",null]']);
});

test("ioredis' keyPrefix is put in front of no channel", async () => {
  const lines = await heard('orders');
  const prefixed = new Redis(file.server.url, { keyPrefix: 'app:' });
  onTestFinished(() => prefixed.disconnect());
  await publisher(prefixed, { timeoutMs: 5_000 }).publish('orders', 1);
  await eventually('it has arrived', () => lines.length === 1);
});

test('publish answers to how many connections Redis gave the message', async () => {
  const { publish } = open();
  expect(await publish('nobody', 1)).toBe(0);
  await heard('somebody');
  const second = new Redis(file.server.url);
  onTestFinished(() => second.disconnect());
  await second.subscribe('somebody');
  expect(await publish('somebody', 1)).toBe(2);
});

test.each([
  'cache:x',
  'lock:x',
  'Session:x',
  'tag:',
  'queue:mails',
  '__redis__:invalidate',
  '',
  7,
  undefined,
])('the channel %j is refused', async (channel) => {
  await expect(open().publish(channel as string, 1)).rejects.toMatchObject({ code: 'CHANNEL_INVALID' });
});

test.each(['cache:', 'lock-released:', 'cache'])(
  'nor does the prefix %j lead to a channel of the toolkit',
  async (prefix) => {
    const published = open({ prefix }).publish(prefix === 'cache' ? ':x' : 'x', 1);
    await expect(published).rejects.toMatchObject({ code: 'CHANNEL_INVALID' });
  },
);

test.each(['cache', 'caches:x', 'orders:cache:x', 'user:7', '*'])(
  'the channel %j is not',
  async (channel) => {
    expect(await open().publish(channel, 1)).toBe(0);
  },
);

const circular: { self?: unknown } = {};
circular.self = circular;
test.each([
  ['undefined', undefined],
  ['a function', () => 1],
  ['a BigInt', 1n],
  ['an object that contains itself', circular],
])('%s is no message', async (_name, value) => {
  await expect(open().publish('orders', value)).rejects.toMatchObject({ code: 'MESSAGE_NOT_JSON' });
});

describe('maxBytes', () => {
  test('counts bytes of JSON: as many are published, one more is refused and not sent', async () => {
    const lines = await heard('orders');
    const { publish } = open({ maxBytes: 10 });
    await publish('orders', 'éééé');
    await expect(publish('orders', 'éééé!')).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringContaining('11 bytes'),
    });
    await publish('orders', 'end');
    await eventually('the end has arrived', () => lines.length === 2);
    expect(lines).toEqual(['orders "éééé"', 'orders "end"']);
  });

  test('is 64 KiB unless said otherwise', async () => {
    await open().publish('orders', 'x'.repeat(65_534));
    await expect(open().publish('orders', 'x'.repeat(65_535))).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
    });
  });
});

test('without an answer publish rejects within its deadline, and the message is never sent again', async () => {
  const { proxy, redis } = await throughProxy(file.server);
  const lines = await heard('orders');
  const { publish } = publisher(redis, { timeoutMs: 200, logger: quiet });
  await publish('orders', 1);
  proxy.swallow();
  await expect(publish('orders', 2)).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE', status: 503 });
  proxy.thaw();
  await eventually('it is back', () =>
    publish('orders', 3).then(
      () => true,
      () => false,
    ),
  );
  await eventually('it has arrived', () => lines.includes('orders 3'));
  expect(lines).toEqual(['orders 1', 'orders 3']);
});

test('a client that its owner has subscribed with is refused at first use, and says what to do', async () => {
  const subscribed = new Redis(file.server.url, { protocol: 2 });
  onTestFinished(() => subscribed.disconnect());
  await subscribed.subscribe('something');
  const { publish } = publisher(subscribed, { logger: quiet });
  for (let i = 0; i < 2; i++) {
    await expect(publish('orders', 1)).rejects.toMatchObject({
      code: 'REDIS_IN_SUBSCRIBER_MODE',
      message: expect.stringContaining('PUBLISH'),
    });
  }
  expect(subscribed.status).toBe('ready');
});

test('options are checked', () => {
  const invalid = { code: 'OPTION_INVALID' };
  expect(() => publisher(undefined as never)).toThrow(expect.objectContaining(invalid));
  expect(() => open({ maxBytes: 0 })).toThrow(expect.objectContaining(invalid));
  expect(() => open({ maxByte: 1 })).toThrow(expect.objectContaining({ code: 'OPTION_UNKNOWN' }));
});

test('channels are typed', () => {
  const { publish } = publisher<{ orders: { id: number }; [log: `log:${string}`]: string }>(file.redis);
  const compiled = () => [
    publish('orders', { id: 7 }),
    publish('log:web', 'line'),
    // @ts-expect-error not the type of that channel
    publish('orders', 'line'),
    // @ts-expect-error no channel of that name
    publish('order', { id: 7 }),
  ];
  expect(compiled).toBeTypeOf('function');
});
