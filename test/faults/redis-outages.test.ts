import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ping, type RedisClient } from '../../src/redis/connect.js';
import { linkTo } from '../../src/redis/link.js';
import { eventually } from '../support/eventually.js';
import { sized } from '../support/size.js';
import { everyClient } from './clients.js';
import { SCENES } from './scenes.js';
import { TOLERANCE_MS, timed } from './timed.js';

const OUTAGE_MS = sized({ quick: 1_300, full: 12_000 });
const IN_FLIGHT = 10;
const REQUESTS = 200;

async function msUntilAnswered(client: RedisClient): Promise<number> {
  const start = performance.now();
  while (performance.now() - start < 5_000) {
    if ((await timed(client)).kind === 'answered') return performance.now() - start;
    await sleep(10);
  }
  return Number.POSITIVE_INFINITY;
}

describe.each(Object.entries(SCENES))('with Redis %s', (_name, open) => {
  test("every client answers within the deadline, logs one line each way, and is back within 1 s of Redis' return", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const scene = await open();
    const clients = everyClient(scene.port);
    onTestFinished(async () => {
      for (const { client } of clients) client.disconnect();
      await scene.close();
      printed.mockRestore();
      process.off('unhandledRejection', note);
    });
    if (!scene.bootsDown) {
      // A client with a command timeout of 60 ms may need a second attempt on a busy machine.
      await eventually('every client is connected', async () => {
        const pings = clients.map(({ client }) => ping(client, { timeoutMs: 5_000 }));
        return (await Promise.allSettled(pings)).every(({ status }) => status === 'fulfilled');
      });
    }
    await scene.fault();

    const late: string[] = [];
    const ask = async (requests: number) =>
      Promise.all(
        clients.map(async ({ name, client }) => {
          const outcomes = await Promise.all(Array.from({ length: requests }, () => timed(client)));
          const bad = outcomes.find(({ kind, lateMs }) => kind === 'other' || lateMs > TOLERANCE_MS);
          if (bad) late.push(`${name}: ${bad.kind}, ${bad.lateMs} ms late`);
        }),
      );
    await ask(IN_FLIGHT);
    await eventually('every client knows of the outage', () =>
      clients.every(({ client }) => linkTo(client).outage !== undefined),
    );
    await ask(REQUESTS);
    const end = performance.now() + OUTAGE_MS;
    while (performance.now() < end) {
      await ask(1);
      await sleep(20);
    }
    expect(late).toEqual([]);

    await scene.mend();
    const back = await Promise.all(
      clients.map(async ({ name, client }) => [name, await msUntilAnswered(client)]),
    );
    expect(back.filter(([, ms]) => (ms as number) > 1_000)).toEqual([]);

    const logs = clients.map(({ name, logger }) => [name, logger.lines.map(({ level }) => level)]);
    expect(logs).toEqual(clients.map(({ name }) => [name, ['error', 'info']]));
    expect(printed.mock.calls).toEqual([]);
    expect(unhandled).toEqual([]);
  });
});
