import { publisher } from '../../src/messages/publisher.js';
import { subscriber } from '../../src/messages/subscriber.js';
import { connectRedis } from '../../src/redis/connect.js';
import { serve } from '../support/child.js';

// A process that listens to `orders`, and publishes there when told to.
const redis = connectRedis();
const listening = subscriber<{ orders: string }>(redis, { timeoutMs: 5_000 });
const { publish } = publisher<{ orders: string }>(redis, { timeoutMs: 5_000 });
const heard: string[] = [];
const gaps: number[] = [];
listening.onGap(({ sinceMs }) => gaps.push(sinceMs));

serve({
  listen: async () => void (await listening.on('orders', (order) => heard.push(order))),
  publish: async (orders: string[]) => {
    for (const order of orders) await publish('orders', order);
  },
  heard: () => heard,
  gaps: () => gaps,
});
