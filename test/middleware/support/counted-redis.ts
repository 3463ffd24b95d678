import type { Redis } from 'ioredis';
import { Redis as Observer } from 'ioredis';
import { onTestFinished } from 'vitest';
import { closeRedis, connectRedis } from '../../../src/redis/connect.js';
import { linkTo } from '../../../src/redis/link.js';
import { recordingLogger } from '../../faults/clients.js';
import { patient } from '../../support/patient.js';
import { startProxy, type Proxy as TcpProxy } from '../../support/proxy.js';
import { startRedis } from '../../support/redis.js';

export interface Cost {
  /** Chunks that arrived at a TCP proxy in front of Redis. */
  packets: number;
  /** Calls of `write` on the client's socket. */
  writes: number;
  /** Commands that Redis saw from this client, by name. */
  commands: string[];
}

export interface CountedRedis {
  redis: Redis;
  proxy: TcpProxy;
  /** What an act costs on the wire. */
  costOf(act: () => Promise<unknown>): Promise<Cost>;
}

/** A client and a Redis of the test's own, with everything between them counted. */
export async function countedRedis(): Promise<CountedRedis> {
  const server = await startRedis();
  const proxy = await startProxy(server.port);
  const redis = patient(connectRedis({ host: '127.0.0.1', port: proxy.port, logger: recordingLogger() }));
  const seen: string[] = [];
  const observer = new Observer(server.url);
  // All connections are made before: ioredis mistakes their handshakes for the answer to MONITOR.
  await Promise.all([observer.ping(), linkTo(redis).send('ping', [], { timeoutMs: 1_000 })]);
  const monitor = await observer.monitor();
  monitor.on('monitor', (_time, [name]: string[], source: string) => {
    // What a script calls comes from "lua"; only what travelled counts.
    if (source !== 'lua') seen.push(name!.toLowerCase());
  });
  onTestFinished(async () => {
    monitor.disconnect();
    observer.disconnect();
    await closeRedis(redis);
    await proxy.close();
    await server.stop();
  });
  return {
    redis,
    proxy,
    async costOf(act) {
      const mark = async (name: string) => {
        await observer.echo(name);
        while (!seen.includes('echo')) await new Promise(setImmediate);
        return seen.splice(0);
      };
      await mark('begin');
      proxy.writes.length = 0;
      const stream = redis.stream;
      const write = stream.write;
      let writes = 0;
      stream.write = ((...args: Parameters<typeof write>) => {
        writes++;
        return write.apply(stream, args);
      }) as typeof write;
      await act();
      stream.write = write;
      const packets = proxy.writes.length;
      const commands = (await mark('end')).filter(
        (name) => !['echo', 'info', 'client', 'hello'].includes(name),
      );
      return { packets, writes, commands };
    },
  };
}
