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

test('a message is plain JSON on the channel `<prefix><name>`', async () => {
  const lines = await heard('orders', 'shop:orders');
  await open().publish('orders', { id: 7 });
  await open({ prefix: 'shop:' }).publish('orders', ['a', null]);
  await eventually('both have arrived', () => lines.length === 2);
  expect(lines).toEqual(['orders {"id":7}', 'shop:orders ["a",null]']);
});

test("ioredis' keyPrefix is not put in front of channels", async () => {
  const lines = await heard('orders');
  const prefixed = new Redis(file.server.url, { keyPrefix: 'app:' });
  onTestFinished(() => prefixed.disconnect());
  await publisher(prefixed, { timeoutMs: 5_000 }).publish('orders', 1);
  await eventually('it has arrived', () => lines.length === 1);
});

test('publish resolves with the number of connections that Redis gave the message to', async () => {
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
])('publish refuses the channel %j', async (channel) => {
  await expect(open().publish(channel as string, 1)).rejects.toMatchObject({ code: 'CHANNEL_INVALID' });
});

test.each(['cache:', 'lock-released:', 'cache'])(
  "publish refuses a channel that becomes one of the toolkit's with the prefix %j",
  async (prefix) => {
    const published = open({ prefix }).publish(prefix === 'cache' ? ':x' : 'x', 1);
    await expect(published).rejects.toMatchObject({ code: 'CHANNEL_INVALID' });
  },
);

test.each(['cache', 'caches:x', 'orders:cache:x', 'user:7', '*'])(
  'publish accepts the channel %j',
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
])('publish refuses %s as a message', async (_name, value) => {
  await expect(open().publish('orders', value)).rejects.toMatchObject({ code: 'MESSAGE_NOT_JSON' });
});

describe('maxBytes', () => {
  test('maxBytes counts bytes of JSON: a message of that size is published, one byte more is refused and not sent', async () => {
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

  test('maxBytes is 64 KiB by default', async () => {
    await open().publish('orders', 'x'.repeat(65_534));
    await expect(open().publish('orders', 'x'.repeat(65_535))).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
    });
  });
});

test('publish without an answer rejects within its deadline, and the message is never sent again', async () => {
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

test('publish over a client that the application has subscribed with rejects and says what to do', async () => {
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

test('publisher checks its options', () => {
  const invalid = { code: 'OPTION_INVALID' };
  expect(() => publisher(undefined as never)).toThrow(expect.objectContaining(invalid));
  expect(() => open({ maxBytes: 0 })).toThrow(expect.objectContaining(invalid));
  expect(() => open({ maxByte: 1 })).toThrow(expect.objectContaining({ code: 'OPTION_UNKNOWN' }));
});

test('publisher is typed by channel', () => {
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
