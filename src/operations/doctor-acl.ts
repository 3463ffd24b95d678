import { randomBytes } from 'node:crypto';
import { isMisconfigured } from '../errors.js';
import { keys } from '../keys.js';
import { linkTo, type RedisClient } from '../redis/index.js';
import { subscriberConnectionOf } from '../subscriptions/index.js';
import { commandProbes, type Probe } from './command-probes.js';
import type { Diagnosis } from './diagnosis.js';

/** Tries the commands, keys and channels of each function, with keys of its own. */
export async function aclDiagnosis(
  redis: RedisClient,
  { prefix, timeoutMs }: { prefix: string; timeoutMs: number },
): Promise<Diagnosis[]> {
  const link = linkTo(redis);
  const id = `doctor-${randomBytes(6).toString('hex')}`;
  const { keyPrefix = '' } = redis.options;
  const forbidden = new Map<string, string[]>();
  const forbid = (what: string, command: string) =>
    void forbidden.set(what, [...(forbidden.get(what) ?? []), command.toUpperCase()]);
  for (const [what, command, ...args] of [
    ...commandProbes(prefix, id),
    ...channelProbes(prefix, id, keyPrefix),
  ]) {
    // Without a key to try it on, a command would make one that never expires.
    if (args[0] !== undefined && forbidden.get(what)?.includes('SET')) continue;
    const error = await link.send(command, args, { timeoutMs, isCheck: true }).then(allowed, asError);
    const reply = error && replyIn(error);
    if (error && isMisconfigured(error)) forbid(what, command);
    else if (reply && REFUSED.test(reply)) return [refusedDiagnosis(reply)];
    // Any other reply, such as WRONGTYPE, is one to a command that was allowed.
    else if (error && reply === undefined) throw error;
  }
  for (const channel of releaseChannels(prefix, id, keyPrefix)) {
    await subscriberConnectionOf(redis)
      .listen(channel, allowed, { timeoutMs })
      .then(
        (stop) => stop(),
        () => forbid('messages and waiting callers', 'subscribe'),
      );
  }
  return [rightsDiagnosis(forbidden)];
}

const REFUSED = /^(?:OOM|READONLY|MISCONF|NOREPLICAS)\b/;

const allowed = () => undefined;

const asError = (error: Error): Error => error;

/** What Redis itself answered; undefined when it did not. */
function replyIn({ cause }: Error): string | undefined {
  return cause instanceof Error && cause.name === 'ReplyError' ? cause.message : undefined;
}

function refusedDiagnosis(reply: string): Diagnosis {
  return {
    check: 'writes',
    level: 'problem',
    found: `Redis refuses them: ${reply}`,
    means:
      'Cached responses are served and sessions are loaded. Whatever has to write does without Redis, as its onUnavailable says. The rights (ACL) were not tried.',
  };
}

function rightsDiagnosis(forbidden: ReadonlyMap<string, readonly string[]>): Diagnosis {
  const check = 'ACL';
  if (forbidden.size === 0)
    return {
      check,
      level: 'ok',
      found: 'all probes allowed',
      means:
        'Every function of the toolkit may run. Not tried: PSUBSCRIBE (patterns of subscriber) and CLIENT TRACKING (near cache).',
    };
  const found = [...forbidden].map(([what, commands]) => `${what} (${[...new Set(commands)].join(', ')})`);
  return {
    check,
    level: 'problem',
    found: `forbidden: ${found.join('; ')}`,
    means:
      'What is named does without Redis, as its onUnavailable says. Allow the commands, the keys and the channels that docs/redis-layout.md lists.',
  };
}

/** The channels on which waiting callers hear of a release. */
function releaseChannels(prefix: string, id: string, keyPrefix: string): string[] {
  const names = keys(prefix);
  return [
    names.lockReleased(id, keyPrefix),
    names.cacheLeaseReleased(id, keyPrefix),
    names.idempotencyReleased(id, keyPrefix),
  ];
}

function channelProbes(prefix: string, id: string, keyPrefix: string): Probe[] {
  const names = keys(prefix);
  return [
    ...releaseChannels(prefix, id, keyPrefix).map(
      (channel): Probe => ['messages and waiting callers', 'publish', channel, ''],
    ),
    ['the operations page', 'publish', `${keyPrefix}${names.opsProcess(id)}`, ''],
    ['the operations page', 'pubsub', 'CHANNELS', `${keyPrefix}${names.opsProcess('')}none`],
  ];
}
