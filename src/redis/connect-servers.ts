import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './client.js';
import { type ConnectRedisOptions, closeRedis, connectRedis } from './connect.js';
import { linkTo } from './link.js';

const CLOSE_WITHIN_MS = 500;

/** Opens a client of a server, or of the whole Cluster that this server is a node of. */
export async function connectServers(options: ConnectRedisOptions, timeoutMs: number): Promise<RedisClient> {
  const redis = connectRedis(options);
  if (!(await isClusterNode(redis, timeoutMs))) return redis;
  const { host = '127.0.0.1', port = 6379, username, password, tls, connectionName } = redis.options;
  await closeRedis(redis, { timeoutMs: CLOSE_WITHIN_MS });
  const cluster = new Cluster([{ host, port }], {
    keyPrefix: options.keyPrefix ?? '',
    redisOptions: {
      ...(username != null && { username }),
      ...(password != null && { password }),
      ...(tls && { tls }),
      ...(connectionName != null && { connectionName }),
    },
    // A certificate names hosts, not the addresses that they have.
    ...(tls && { dnsLookup: (address, done) => done(null, address) }),
  });
  linkTo(cluster, options.logger);
  return cluster;
}

/** A server that does not say so, or does not answer, counts as single: the command that follows explains the failure. */
async function isClusterNode(redis: Redis, timeoutMs: number): Promise<boolean> {
  const asked = linkTo(redis).send<string>('info', ['cluster'], { timeoutMs, isCheck: true });
  return asked.then(
    (info) => info.includes('cluster_enabled:1'),
    () => false,
  );
}
