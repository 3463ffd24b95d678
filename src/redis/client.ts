import type { Cluster, Redis } from 'ioredis';

/** Any ioredis client: standalone, through Sentinel, or a Cluster. */
export type RedisClient = Redis | Cluster;
