import type { RedisClient } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';

const PATIENCE_MS = 10_000;

/**
 * For tests that are not about time: a machine that stands still for the 100 ms of a default deadline would have them
 * meet an outage that they did not make.
 */
export function patient<Client extends RedisClient>(client: Client): Client {
  const link = linkTo(client);
  const send = link.send.bind(link) as (name: string, args: readonly never[], ask: object) => Promise<never>;
  const run = link.run.bind(link) as (...args: [never, never, never, object]) => Promise<never>;
  const inPatience = (ask: { timeoutMs: number }) => ({
    ...ask,
    timeoutMs: Math.max(ask.timeoutMs, PATIENCE_MS),
  });
  link.send = (name, args, ask) => send(name, args as never, inPatience(ask));
  link.run = (script, keys, args, ask) => run(script as never, keys as never, args as never, inPatience(ask));
  return client;
}
