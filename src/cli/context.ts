import type { Operations } from '../operations/index.js';
import type { RedisClient } from '../redis/index.js';
import type { Options } from './arguments.js';
import type { Confirm, Outcome } from './output.js';

/** The things that each command needs. */
export interface CommandContext {
  readonly redis: RedisClient;
  readonly operations: Operations;
  readonly options: Options;
  readonly where: { readonly prefix: string; readonly timeoutMs: number };
  readonly confirm: Confirm;
  /** Runs an action, which is published as an audit event. */
  act<Result>(
    action: string,
    on: Readonly<Record<string, unknown>>,
    run: () => Promise<Result>,
  ): Promise<Result>;
}

/** A command with the words after its name. @throws UsageError */
export type Command = (words: readonly string[], context: CommandContext) => Promise<Outcome>;

/** Nobody said yes. */
export class NotConfirmed extends Error {}
