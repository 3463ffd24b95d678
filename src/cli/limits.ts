import { ToolkitError } from '../errors.js';
import { type LimiterDeclaration, limiterId, parseCounterName } from '../limits/index.js';
import type { ClientState, Overview } from '../operations/index.js';
import { unavailable } from '../redis/index.js';
import { durationMs, theWord, UsageError } from './arguments.js';
import type { Command, CommandContext } from './context.js';
import { type Outcome, shortTime, table } from './output.js';

export const listLimits: Command = async (_words, { operations }) => {
  const { limiters, limits } = await reported(operations);
  const rows = limiters.map(({ id, policies }) => [
    id,
    policies.map((policy) => `${policy.limit ?? 'by request'} per ${window(policy.windowMs)}`).join(', '),
  ]);
  return {
    json: { limiters, limits },
    lines: rows.length > 0 ? table(['LIMITER', 'LIMIT'], rows) : ['No process reports a limiter.'],
    exitCode: rows.length > 0 ? 0 : 1,
  };
};

export const showClient: Command = async ([client], context) => {
  if (client === undefined) return showBlocked(context);
  const limiters = await chosen(context);
  const { limits } = context.operations;
  const states = await Promise.all(
    limiters.map((limiter) => limits.lookUp(limiter, theWord('client', client))),
  );
  return {
    json: states,
    lines: table(['LIMITER', 'POLICY', 'USED', 'LIMIT', 'WINDOW', 'BLOCKED'], rowsOf(states)),
  };
};

async function showBlocked({ operations }: CommandContext): Promise<Outcome> {
  const { blocked, redis } = await operations.overview();
  if (!blocked && !redis.isAvailable) throw new ToolkitError('REDIS_UNAVAILABLE', redis.cause);
  if (!blocked) throw unavailable('it did not list the blocks');
  const { total, clients } = blocked;
  const rows = clients.map(({ limiter, client, blockedMs }) => [limiter, client, shortTime(blockedMs)]);
  const more = total > clients.length ? [`and ${total - clients.length} more`] : [];
  return {
    json: blocked,
    lines:
      rows.length > 0
        ? [...table(['LIMITER', 'CLIENT', 'BLOCKED FOR'], rows), ...more]
        : ['Nobody is blocked.'],
    exitCode: rows.length > 0 ? 0 : 1,
  };
}

export const resetClient: Command = async ([client], context) => {
  const limiter = await theOne(context);
  const on = { limiter: limiterId(limiter), client: theWord('client', client) };
  await context.act('limits/reset', on, () => context.operations.limits.reset(limiter, on.client));
  return done({ ...on, reset: true }, `${client} was reset.`);
};

export const blockClient: Command = async ([client, time], context) => {
  const ms = durationMs(time ?? '');
  const limiter = await theOne(context);
  const on = { limiter: limiterId(limiter), client: theWord('client', client), seconds: ms / 1000 };
  await context.act('limits/block', on, () => context.operations.limits.block(limiter, on.client, ms));
  return done({ limiter: on.limiter, client, blockedMs: ms }, `${client} is blocked for ${time}.`);
};

export const unblockClient: Command = async ([client], context) => {
  const limiter = await theOne(context);
  const on = { limiter: limiterId(limiter), client: theWord('client', client) };
  const { limits } = context.operations;
  const wasBlocked = await context.act('limits/unblock', on, () => limits.unblock(limiter, on.client));
  const line = wasBlocked ? `${client} is no longer blocked.` : `${client} was not blocked.`;
  return { ...done({ ...on, wasBlocked }, line), exitCode: wasBlocked ? 0 : 1 };
};

const done = (json: object, line: string): Outcome => ({ json, lines: [line] });

const window = (ms: number | null): string => (ms === null ? 'a window by request' : shortTime(ms));

const rowsOf = (states: readonly ClientState[]) =>
  states.flatMap(({ limiter, blockedMs, quotas }) =>
    quotas.map(({ name, used, limit, windowMs }) => [
      limiter,
      name,
      used,
      limit ?? 'by request',
      shortTime(windowMs),
      blockedMs > 0 ? shortTime(blockedMs) : 'no',
    ]),
  );

/** That nobody reports says nothing while Redis does not answer. @throws ToolkitError */
async function reported(operations: CommandContext['operations']): Promise<Overview> {
  const overview = await operations.overview();
  const { redis, limiters } = overview;
  if (limiters.length === 0 && !redis.isAvailable) throw new ToolkitError('REDIS_UNAVAILABLE', redis.cause);
  return overview;
}

/** The limiter that `--limiter` names, or all that processes report with this prefix. */
async function chosen({
  operations,
  options,
  where,
}: CommandContext): Promise<readonly LimiterDeclaration[]> {
  const { limiter } = options;
  const { limiters } = limiter === undefined ? await reported(operations) : await operations.overview();
  const ofPrefix = limiters.filter(({ prefix }) => prefix === where.prefix);
  const matching =
    limiter === undefined
      ? ofPrefix
      : [
          ...ofPrefix.filter(({ name }) => name === limiter),
          ...limiters.filter(({ id }) => id === limiter),
        ].slice(0, 1);
  if (matching.length > 0) return matching;
  if (limiter === undefined)
    throw new UsageError(
      'no process reports its limiters: name one with --limiter, e.g. --limiter login/15m',
    );
  const terms = parseCounterName(limiter);
  if (!terms)
    throw new UsageError(`--limiter: "${limiter}" is not [<name>/]<window>[/<algorithm>], e.g. login/15m`);
  return [{ prefix: where.prefix, name: limiter, policies: [{ ...terms, limit: null }] }];
}

async function theOne(context: CommandContext): Promise<LimiterDeclaration> {
  const [limiter, ...others] = await chosen(context);
  if (others.length === 0) return limiter!;
  const names = [limiter!, ...others].map(limiterId).join(', ');
  throw new UsageError(`there are several limiters (${names}): name one with --limiter`);
}
