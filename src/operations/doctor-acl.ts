import { randomBytes } from 'node:crypto';
import { isMisconfigured } from '../errors.js';
import { keys } from '../keys.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { subscriberConnectionOf } from '../subscriptions/index.js';
import type { Diagnosis } from './diagnosis.js';

type Probe = readonly [what: string, command: string, ...args: (string | number)[]];

const EXPIRES_MS = 1_000;

/** Tries the commands, keys and channels of each function, with keys of its own. */
export async function aclDiagnosis(
  redis: RedisClient,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
): Promise<Diagnosis> {
  const link = linkTo(redis);
  const id = `doctor-${randomBytes(6).toString('hex')}`;
  const { keyPrefix = '' } = redis.options;
  const forbidden: string[] = [];
  for (const [what, command, ...args] of probesOf(prefix, id, keyPrefix)) {
    try {
      await link.send(command, args, { timeoutMs, isCheck: true });
    } catch (error) {
      if (!isMisconfigured(error)) throw error;
      forbidden.push(`${what} (${command.toUpperCase()})`);
    }
  }
  const channel = keys(prefix).lockReleased(id, keyPrefix);
  await subscriberConnectionOf(redis)
    .listen(channel, () => undefined, { timeoutMs })
    .then(
      (stop) => stop(),
      () => forbidden.push('messages and waiting callers (SUBSCRIBE)'),
    );
  const check = 'ACL';
  if (forbidden.length === 0)
    return {
      check,
      level: 'ok',
      found: 'all probes allowed',
      means: 'Every function of the toolkit may run.',
    };
  return {
    check,
    level: 'problem',
    found: `forbidden: ${forbidden.join('; ')}`,
    means:
      'What is named does without Redis, as its onUnavailable says. Allow the commands, the keys and the channels that docs/redis-layout.md lists.',
  };
}

function probesOf(prefix: string, id: string, keyPrefix: string): Probe[] {
  const names = keys(prefix);
  const writes: [string, string][] = [
    ['limits', names.rate(id, '1s')],
    ['limits', names.rateBlock(id, 'doctor')],
    ['cache', names.cache(id)],
    ['cache', names.tag(id)],
    ['cache', names.cacheLease(id)],
    ['sessions', names.session(id)],
    ['locks', names.lock(id)],
  ];
  return [
    ...writes.flatMap(([what, key]): Probe[] => [
      [what, 'set', key, '1', 'PX', EXPIRES_MS],
      [what, 'get', key],
    ]),
    ['limits', 'zscore', names.rateTally(id, '1s'), 'x'],
    ['sessions', 'hgetall', names.session(`${id}-none`)],
    ['sessions', 'zrange', names.userSessions(id), 0, -1],
    ['scripts', 'eval', 'return 1', 1, names.rate(id, '1s')],
    ['scripts', 'script', 'EXISTS', '0'.repeat(40)],
    ['messages and waiting callers', 'publish', names.lockReleased(id, keyPrefix), ''],
    ['outages and failovers', 'role'],
    ['the operations page', 'pubsub', 'CHANNELS', `${keyPrefix}${names.opsProcess('')}none`],
  ];
}
