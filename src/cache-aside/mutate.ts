import { isUnavailable } from '../errors.js';
import { sharedReporter } from '../fallback-reporter.js';
import { consoleLogger } from '../logger.js';
import { linkTo } from '../redis/index.js';
import { beginMutation, checkTags, markedUnlessUnavailable, type TagVersions } from '../tags/index.js';
import { checkFunction } from './check-function.js';
import type { AsideSettings } from './options.js';

const consequences = {
  refuse: 'changes by mutate are refused',
  proceed: 'changes by mutate are made, and older values may be served until the purge is acknowledged',
} as const;

/** Makes `mutate`: runs a change between a mark on its tags and their purge. */
export function mutator(versions: TagVersions, settings: AsideSettings) {
  const { redis, onUnavailable, logger = consoleLogger } = settings;
  const link = linkTo(redis, settings.logger);
  const reporter = sharedReporter('cacheAside', onUnavailable, link, settings.logger);
  const unmarked = { onUnavailable, consequences, reporter };

  return async <T>(given: readonly string[], run: () => Promise<T>): Promise<T> => {
    checkFunction('mutate', 'run', run);
    const tags = checkTags('cacheAside: mutate was given', given);
    const mutation = await markedUnlessUnavailable(() => beginMutation(versions, tags), unmarked);
    try {
      return await run();
    } finally {
      // Also after an error: a part of the change may have been made.
      await (mutation ? mutation.finish() : versions.invalidate(tags)).catch((err: unknown) => {
        // A purge that Redis has not acknowledged is repeated, and logged once per outage.
        if (!isUnavailable(err)) logger.error({ err, tags }, 'a purge failed');
      });
    }
  };
}
