import { Redis } from 'ioredis';

export interface RedisUsage {
  cpuUs: number;
  commands: number;
}

/** Asks Redis what it has done. */
export interface RedisProbe {
  usage(): Promise<RedisUsage>;
  version(): Promise<string>;
  forgetAll(): Promise<unknown>;
  close(): void;
}

export function redisProbe(url: string): RedisProbe {
  const client = new Redis(url);
  const fieldOf = (info: string, field: string) => info.match(new RegExp(`^${field}:(.*)$`, 'm'))![1]!.trim();
  const numberIn = (info: string, field: string) => Number(fieldOf(info, field));
  return {
    async usage() {
      const info = await client.info();
      return {
        cpuUs: (numberIn(info, 'used_cpu_user') + numberIn(info, 'used_cpu_sys')) * 1_000_000,
        commands: numberIn(info, 'total_commands_processed'),
      };
    },
    version: async () => fieldOf(await client.info(), 'redis_version'),
    forgetAll: () => client.flushall(),
    close: () => client.disconnect(),
  };
}

/** What was used between two looks, without the first look itself. */
export const between = (before: RedisUsage, after: RedisUsage): RedisUsage => ({
  cpuUs: after.cpuUs - before.cpuUs,
  commands: after.commands - before.commands - 1,
});
