import { clockFor, publish } from '../diagnostics.js';
import { keys } from '../keys.js';
import { linkTo, loadScript, type RedisClient, replicasOf } from '../redis/index.js';
import { monotonicNow } from '../timers.js';
import { freshVersion } from './fresh-version.js';
import { owedPurgesOf } from './owed-purges.js';
import { markScriptOf } from './redis-state.js';

const refreshTag = loadScript('refresh-tag');
const withdrawMark = loadScript('withdraw-mark');

/** An expired version costs one miss. A day keeps that rare, and unused tags from piling up. */
export const VERSION_TTL_MS = 24 * 3_600_000;

/** The tag of every cached response and value. No tag that passed `checkTags` is the same. */
export const EVERYTHING = '*';

/** Writes marks and purges, each behind a new epoch. */
export function tagWriter(
  redis: RedisClient,
  { prefix, timeoutMs, waitForReplicas = 0 }: { prefix: string; timeoutMs: number; waitForReplicas?: number },
) {
  const link = linkTo(redis);
  const names = keys(prefix);
  const ask = { timeoutMs };
  const epochKey = names.invalidationEpoch();
  const replicasHaveHeard = replicasOf(redis, waitForReplicas);
  const markTag = markScriptOf(redis, prefix);
  const owedPurges = owedPurgesOf(redis);

  // In a Cluster the epoch lies on another node. A process that sees the new state of a tag must be able to see the new
  // epoch, so the epoch is acknowledged first.
  const afterNewEpoch = async (tags: readonly string[], write: (key: string) => Promise<unknown>) => {
    const tagKeys = tags.map(names.tag);
    const epoch = link.send('set', [epochKey, freshVersion(), 'PX', VERSION_TTL_MS], ask);
    if (redis.isCluster) await epoch;
    await Promise.all([epoch, ...tagKeys.map(write)]);
    await replicasHaveHeard([epochKey, ...tagKeys], timeoutMs);
  };

  const write = async (tags: readonly string[], mark: string, request?: object) => {
    const began = clockFor('purged');
    await afterNewEpoch(tags, (key) =>
      link.run(refreshTag, [key], [freshVersion(), VERSION_TTL_MS, mark], ask),
    );
    publish('purged', () => ({ tags, durationMs: monotonicNow() - began }), request);
  };
  const everything = { tags: [EVERYTHING], write: () => write([EVERYTHING], '') };
  const purge = (tags: readonly string[], mark: string, request?: object) =>
    owedPurges.make({ tags, write: () => write(tags, mark, request) }, { timeoutMs, instead: everything });

  // Nothing was purged, so there is no new epoch: what was filled meanwhile is as good as what was filled before.
  const withdraw = async (tags: readonly string[], mark: string) => {
    const args = () => [mark, freshVersion(), VERSION_TTL_MS];
    await Promise.all(tags.map((tag) => link.run(withdrawMark, [names.tag(tag)], args(), ask)));
  };

  return {
    purge,
    withdraw: (tags: readonly string[], mark: string) =>
      owedPurges.make({ tags, write: () => withdraw(tags, mark) }, { timeoutMs, instead: everything }),
    mark: (tags: readonly string[], mark: string, expiryMs: number) =>
      afterNewEpoch(tags, (key) => link.run(markTag, [key], [mark, expiryMs], ask)),
  };
}
