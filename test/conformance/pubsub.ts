import { randomUUID } from 'node:crypto';
import type { Cluster } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { publisher } from '../../src/messages/publisher.js';
import { subscriber } from '../../src/messages/subscriber.js';
import type { RedisClient } from '../../src/redis/connect.js';
import { subscriberConnectionOf } from '../../src/subscriptions/subscriber-connection.js';
import { quiet } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';

interface Order {
  id: number;
  note?: string;
}

/** What publisher and subscriber promise on every kind of Redis. */
export function messagesArrive(open: () => RedisClient): void {
  describe('messages', () => {
    let options: { prefix: string; timeoutMs: number; logger: typeof quiet };
    let publish: ReturnType<typeof publisher<Record<string, Order>>>['publish'];
    let listening: ReturnType<typeof subscriber<Record<string, Order>>>;
    beforeEach(() => {
      // In a Cluster a message of the test before may still be on its way.
      options = { prefix: `${randomUUID()}:`, timeoutMs: 5_000, logger: quiet };
      publish = publisher<Record<string, Order>>(open(), options).publish;
      listening = subscriber<Record<string, Order>>(open(), options);
    });
    afterEach(() => listening.close());

    test('arrive unchanged at every handler of their channel, and at no other', async () => {
      const [seen, mails]: unknown[][] = [[], []];
      await listening.on('orders', (order, channel) => seen!.push(['first', channel, order]));
      await listening.on('orders', (order, channel) => seen!.push(['second', channel, order]));
      await listening.on('mails', (mail, channel) => mails!.push([channel, mail]));
      await publish('orders', { id: 7, note: 'für Zoë 🎉' });
      await publish('mails', { id: 8 });
      await eventually('all have arrived', () => seen!.length === 2 && mails!.length === 1);
      expect(seen).toEqual([
        ['first', 'orders', { id: 7, note: 'für Zoë 🎉' }],
        ['second', 'orders', { id: 7, note: 'für Zoë 🎉' }],
      ]);
      expect(mails).toEqual([['mails', { id: 8 }]]);
    });

    test('arrive by pattern, with the name of their channel', async () => {
      const seen: unknown[] = [];
      await listening.onPattern('orders:*', (order, channel) => seen.push([channel, order]));
      for (const channel of ['orders:paid', 'mails', 'orders:sent']) await publish(channel, { id: 1 });
      await eventually('both have arrived', () => seen.length === 2);
      // Only messages of one channel have an order.
      expect(seen.sort()).toEqual([
        ['orders:paid', { id: 1 }],
        ['orders:sent', { id: 1 }],
      ]);
    });

    test('arrive in order in a slow loop', async () => {
      const events = listening.events('orders');
      await events.ready;
      const sent = Array.from({ length: 200 }, (_, id) => ({ id }));
      for (const order of sent) await publish('orders', order);
      const seen: Order[] = [];
      for await (const order of events) {
        if (order.id % 50 === 0) await new Promise(setImmediate);
        if (seen.push(order) === sent.length) break;
      }
      expect(seen).toEqual(sent);
    });

    test('arrive again after the connection was lost, and a gap is reported', async () => {
      const [seen, gaps]: [number[], number[]] = [[], []];
      await listening.on('orders', ({ id }) => seen.push(id));
      await listening.onPattern('mails:*', ({ id }) => seen.push(id));
      listening.onGap(({ sinceMs }) => gaps.push(sinceMs));
      await cutSubscribers(open());
      await eventually('it listens again', () => gaps.length === 1);
      await publish('orders', { id: 1 });
      await publish('mails:new', { id: 2 });
      await eventually('both have arrived', () => seen.length === 2);
      expect(seen.sort()).toEqual([1, 2]);
      expect(gaps[0]).toBeGreaterThanOrEqual(0);
    });

    test('do not arrive at a stopped handler, nor after close', async () => {
      const seen: string[] = [];
      const stop = await listening.on('orders', () => seen.push('stopped'));
      await listening.on('orders', () => seen.push('listening'));
      stop();
      await publish('orders', { id: 1 });
      await eventually('the other has it', () => seen.length === 1);
      listening.close();
      const other = subscriber<Record<string, Order>>(open(), options);
      await other.on('orders', () => seen.push('other'));
      await publish('orders', { id: 2 });
      await eventually('another subscriber has it', () => seen.length === 2);
      expect(seen).toEqual(['listening', 'other']);
      other.close();
    });
  });
}

async function cutSubscribers(client: RedisClient): Promise<void> {
  if (!client.isCluster) {
    // Not all that listen: a Sentinel does too, and other test files.
    await client.call('CLIENT', 'KILL', 'ID', String(subscriberConnectionOf(client).clientId()));
    return;
  }
  const nodes = (client as Cluster).nodes('master');
  const lists = await Promise.all(nodes.map((node) => node.call('CLIENT', 'LIST', 'TYPE', 'pubsub')));
  // Those of now, by id: killed by type, a subscriber that went on to the next node would be cut there once more.
  for (const [index, node] of nodes.entries()) {
    for (const [, id] of String(lists[index]).matchAll(/^id=(\d+)/gm))
      await node.call('CLIENT', 'KILL', 'ID', id!);
  }
}
