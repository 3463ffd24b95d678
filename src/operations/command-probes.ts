import { keys } from '../keys.js';

export type Probe = readonly [what: string, command: string, ...args: (string | number)[]];

const EXPIRES_MS = 1_000;

/** What each command is given behind its key. The key holds a text, so that none but SET changes anything. */
const ARGUMENTS: Readonly<Record<string, readonly (string | number)[]>> = {
  exists: [],
  get: [],
  getrange: [0, 0],
  hdel: ['x'],
  hexists: ['x'],
  hget: ['x'],
  hgetall: [],
  hmget: ['x'],
  hset: ['x', 1],
  hstrlen: ['x'],
  lpush: ['x'],
  lrange: [0, 0],
  lrem: [0, 'x'],
  ltrim: [0, 0],
  mget: [],
  pexpire: [EXPIRES_MS],
  pttl: [],
  strlen: [],
  type: [],
  zadd: [1, 'x'],
  zcard: [],
  zcount: [0, 0],
  zrange: [0, 0],
  zrem: ['x'],
  zremrangebyrank: [0, 0],
  zremrangebyscore: [0, 0],
  zrevrangebyscore: [0, 0],
  zscore: ['x'],
};

const SORTED_SETS = ['zadd', 'zcard', 'zrange', 'zrem', 'zremrangebyscore'];
const HASHES = ['hdel', 'hexists', 'hget', 'hgetall', 'hmget', 'hset', 'hstrlen'];

/** The commands of each function, also those in its scripts, beside those that all need. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  limits: [...SORTED_SETS, 'zcount', 'zremrangebyrank', 'zrevrangebyscore', 'zscore'],
  cache: [...SORTED_SETS, 'getrange', 'lpush', 'lrange', 'lrem', 'ltrim', 'mget'],
  sessions: [...SORTED_SETS, ...HASHES, 'strlen', 'type', 'zscore'],
  locks: [],
  idempotency: HASHES,
};
const OF_ALL = ['exists', 'get', 'pexpire', 'pttl'];

/** Tries each command of each function on a key of that function, which expires soon. */
export function commandProbes(prefix: string, id: string): Probe[] {
  const names = keys(prefix);
  const keysOf: Readonly<Record<string, readonly string[]>> = {
    limits: [names.rate(id, '1s'), names.rateBlock(id, 'doctor'), names.rateTally(id, '1s')],
    cache: [names.cache(id), names.tag(id), names.cacheLease(id)],
    sessions: [names.session(id), names.userSessions(id)],
    locks: [names.lock(id)],
    idempotency: [names.idempotency(id)],
  };
  const ofKeys = Object.entries(keysOf).flatMap(([what, [first, ...others]]): Probe[] => [
    ...[first!, ...others].map((key): Probe => [what, 'set', key, '1', 'PX', EXPIRES_MS]),
    ...others.map((key): Probe => [what, 'get', key]),
    ...[...OF_ALL, ...COMMANDS[what]!].map(
      (command): Probe => [what, command, first!, ...ARGUMENTS[command]!],
    ),
    [what, 'pexpireat', first!, Date.now() + EXPIRES_MS],
    [what, 'del', `${first}-none`],
    [what, 'unlink', `${first}-none`],
  ]);
  return [
    ...ofKeys,
    ['scripts', 'eval', "return redis.call('TIME')", 1, names.rate(id, '1s')],
    ['scripts', 'evalsha', '0'.repeat(40), 1, names.rate(id, '1s')],
    ['scripts', 'script', 'EXISTS', '0'.repeat(40)],
    ['outages and failovers', 'role'],
    ['outages and failovers', 'ping'],
    ['outages and failovers', 'info', 'server'],
    ['outages and failovers', 'client', 'ID'],
    ['clocks', 'time'],
  ];
}
