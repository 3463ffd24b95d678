import type { LimiterDeclaration } from '../../src/limits/index.js';
import type { Operations } from '../../src/operations/index.js';
import { notUrlIn } from '../../src/tags/index.js';
import { type Input, InputRefused } from './input.js';

const LONGEST_BLOCK_SECONDS = 366 * 24 * 3_600;

/** An action that is ready to run, and its target for the audit. */
export interface PreparedAction {
  readonly on: Readonly<Record<string, unknown>>;
  readonly run: () => Promise<object>;
}

/** What is run, and what else the audit says about it. */
type PreparedRun = Pick<PreparedAction, 'run'> & { readonly seconds?: number };

/** Reads the input of an action, which is not run yet. @throws InputRefused */
export type Action = (input: Input) => Promise<PreparedAction> | PreparedAction;

/** The actions, by their path. */
export function actionsOf({
  limits,
  sessions,
  cache,
  limiter,
}: Operations): Readonly<Record<string, Action>> {
  const onClient =
    (prepare: (declaration: LimiterDeclaration, client: string, input: Input) => PreparedRun): Action =>
    async (input) => {
      const on = { limiter: input.text('limiter'), client: input.text('client') };
      const declaration = await knownLimiter(limiter, on.limiter);
      const { run, ...more } = prepare(declaration, on.client, input);
      return { on: { ...on, ...more }, run };
    };
  return {
    'limits/reset': onClient((declaration, client) => ({
      run: () => limits.reset(declaration, client).then(() => ({ reset: true })),
    })),
    'limits/block': onClient((declaration, client, input) => {
      const seconds = input.wholeNumber('seconds', LONGEST_BLOCK_SECONDS);
      const blockedMs = seconds * 1000;
      return { seconds, run: () => limits.block(declaration, client, blockedMs).then(() => ({ blockedMs })) };
    }),
    'limits/unblock': onClient((declaration, client) => ({
      run: () => limits.unblock(declaration, client).then((wasBlocked) => ({ wasBlocked })),
    })),
    'sessions/end': (input) => {
      const [user, handle] = [input.text('user'), input.optionalText('handle')];
      const run = async () => ({ ended: await sessions.end(user, handle) });
      return { on: { user, ...(handle !== undefined && { handle }) }, run };
    },
    'cache/purge': (input) => {
      const purge = { tags: input.texts('tags'), urls: input.texts('urls'), keys: input.texts('keys') };
      if (Object.values(purge).every(({ length }) => length === 0))
        throw new InputRefused('Give "tags", "urls" or "keys" to purge.');
      const notUrl = notUrlIn(purge.urls);
      if (notUrl !== undefined)
        throw new InputRefused(`"urls": "${notUrl}" is neither a path that begins with / nor a whole URL.`);
      return { on: purge, run: async () => ({ tagsInvalidated: await cache.purge(purge) }) };
    },
    'cache/clear': () => ({ on: {}, run: () => cache.clear().then(() => ({ cleared: true })) }),
  };
}

/** @throws InputRefused */
export async function knownLimiter(limiter: Operations['limiter'], id: string): Promise<LimiterDeclaration> {
  const declaration = await limiter(id);
  if (declaration) return declaration;
  throw new InputRefused('No process that reports has this "limiter".');
}
