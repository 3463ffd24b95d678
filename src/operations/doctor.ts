import { type Ask, linkTo, type RedisClient, routeToEachServer } from '../redis/index.js';
import type { Diagnosis } from './diagnosis.js';
import { aclDiagnosis } from './doctor-acl.js';
import { type Facts, type Field, factsOf, PINGS, unlessForbidden } from './doctor-facts.js';
import { infoFields } from './redis-health.js';

const OLDEST_VERSION = 7;
const SLOW_MS = 10;
const CLOCK_OFF_MS = 1_000;

/** Examines a Redis as far as the toolkit depends on it. Writes only keys of its own, which expire after a second. */
export async function diagnose(
  redis: RedisClient,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
): Promise<Diagnosis[]> {
  const ask = { timeoutMs, isCheck: true };
  // A Cluster knows its servers when it is connected.
  await unlessForbidden(linkTo(redis).send('ping', [], ask));
  const found = await Promise.all(
    [...routeToEachServer(redis)].map(async ([server, routeBy]) => {
      const facts = await factsOf(redis, { ...ask, routeBy });
      const ofInfo = facts.field ? [version, eviction, persistence, replication] : [];
      const found = [...ofInfo.map((check) => check(facts.field!)), ...clock(facts), ...latency(facts)];
      return found.map((diagnosis) => ({ ...diagnosis, ...(server !== '' && { server }) }));
    }),
  );
  const shared = redis.isCluster ? [await cluster(redis, ask)] : [];
  return [...shared, ...(await aclDiagnosis(redis, { prefix, timeoutMs })), ...found.flat()];
}

async function cluster(redis: RedisClient, ask: Ask): Promise<Diagnosis> {
  const field = infoFields(await linkTo(redis).send<string>('cluster', ['INFO'], ask));
  const found = `state ${field('cluster_state')}, ${field('cluster_size')} primaries of ${field('cluster_known_nodes')} servers, ${field('cluster_slots_ok')} slots served`;
  const check = 'cluster';
  return field('cluster_state') === 'ok'
    ? {
        check,
        level: 'ok',
        found,
        means: 'While a server is away, what lies there does without Redis, and the rest goes on.',
      }
    : {
        check,
        level: 'problem',
        found,
        means: 'The Cluster refuses commands: everything does what its onUnavailable says.',
      };
}

function version(field: Field): Diagnosis {
  const found = `${field('server_name') || 'redis'} ${field('valkey_version') || field('redis_version')}`;
  return Number.parseInt(field('redis_version'), 10) >= OLDEST_VERSION
    ? { check: 'version', level: 'ok', found, means: 'It knows every command that the toolkit needs.' }
    : {
        check: 'version',
        level: 'problem',
        found,
        means: 'The cache needs Redis 7 or later (SET with NX and GET). Limits, sessions and locks may work.',
      };
}

function eviction(field: Field): Diagnosis {
  const policy = field('maxmemory_policy');
  const limit = Number(field('maxmemory'));
  const found = `maxmemory ${limit}, maxmemory-policy ${policy}, ${field('evicted_keys')} keys evicted`;
  const check = 'eviction';
  if (limit === 0)
    return {
      check,
      level: 'warning',
      found,
      means: 'Without maxmemory the cache grows until the system ends Redis. Set maxmemory.',
    };
  if (policy === 'noeviction')
    return {
      check,
      level: 'ok',
      found,
      means:
        'No session, limit or lock is ever evicted. When Redis is full it refuses writes, and each middleware follows its onUnavailable.',
    };
  return {
    check,
    level: Number(field('evicted_keys')) > 0 ? 'warning' : 'ok',
    found,
    means:
      'A full Redis evicts: a cache entry is a miss, a limit begins anew, a session is a logout, a lock may have two holders. Where the last three matter, give the cache a Redis of its own.',
  };
}

function persistence(field: Field): Diagnosis {
  const [aof, rdb] = [field('aof_enabled') === '1', field('rdb_last_save_time')];
  const failed = ['aof_last_write_status', 'rdb_last_bgsave_status'].filter((name) => field(name) === 'err');
  const found = `append-only file ${aof ? 'on' : 'off'}, last snapshot at ${new Date(Number(rdb) * 1000).toISOString()}`;
  const check = 'persistence';
  if (failed.length > 0)
    return {
      check,
      level: 'problem',
      found: `${found}, ${failed.join(' and ')} err`,
      means: 'Redis cannot write to its disk, and may refuse every write (MISCONF). Make room on the disk.',
    };
  return aof
    ? { check, level: 'ok', found, means: 'Sessions, limits and locks outlive a restart.' }
    : {
        check,
        level: 'warning',
        found,
        means:
          'A restart logs everybody out, begins limits anew and frees locks. Set appendonly yes if that matters. The cache needs no persistence.',
      };
}

function replication(field: Field): Diagnosis {
  const role = field('role');
  const replicas = Number(field('connected_slaves'));
  const check = 'replication';
  if (role !== 'master')
    return {
      check,
      level: 'problem',
      found: `role ${role}, link ${field('master_link_status')}`,
      means: 'A replica refuses writes, and may lack invalidations and logouts. Connect to the primary.',
    };
  const found = `primary with ${replicas} replicas`;
  return {
    check,
    level: 'ok',
    found,
    means:
      replicas === 0
        ? 'Nothing takes over when this server fails: the toolkit then does what onUnavailable says.'
        : 'Replication is asynchronous: a failover may forget the last charges, logouts and invalidations (waitForReplicas of invalidateOn waits for them).',
  };
}

function clock({ clockAheadMs }: Facts): Diagnosis[] {
  if (clockAheadMs === undefined) return [];
  const found = `${Math.abs(Math.round(clockAheadMs))} ms ${clockAheadMs < 0 ? 'behind' : 'ahead of'} this machine`;
  const check = 'clock';
  return [
    Math.abs(clockAheadMs) < CLOCK_OFF_MS
      ? { check, level: 'ok', found, means: 'Limits, sessions and locks count by the clock of Redis.' }
      : {
          check,
          level: 'warning',
          found,
          means:
            'Limits, sessions and locks are exact by the clock of Redis, but dates of sessions and the age of cached answers are not. Run NTP on both machines.',
        },
  ];
}

function latency({ latencyMs }: Facts): Diagnosis[] {
  if (latencyMs === undefined) return [];
  const found = `${latencyMs.toFixed(2)} ms from here (median of ${PINGS})`;
  const check = 'latency';
  return [
    latencyMs < SLOW_MS
      ? { check, level: 'ok', found, means: 'Each request waits for one such round trip.' }
      : {
          check,
          level: 'warning',
          found,
          means:
            'Each request waits for one such round trip, and the default deadline of limits is 100 ms. Bring Redis closer.',
        },
  ];
}
