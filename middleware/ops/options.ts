import type { Request, Response } from 'express';
import type { Logger } from '../../src/logger.js';
import {
  aBoolean,
  aFunction,
  anyOf,
  connectionChecks,
  oneOf,
  type WithDefaults,
} from '../../src/read-options.js';
import type { RedisClient } from '../../src/redis/index.js';

/** Whether somebody may see the page, and the name under which the actions of this person are audited. */
export type OpsAuthorization = boolean | string | number | bigint | null | undefined;

export type OpsAuthorize = (req: Request, res: Response) => OpsAuthorization | PromiseLike<OpsAuthorization>;

/** Options of `ops`. */
export interface OpsOptions {
  /** The shared ioredis client (`Redis` or `Cluster`), the same that the middlewares were given. */
  readonly redis: RedisClient;
  /**
   * Decides who may see the page and use the API: a function of the request that returns the person's name or id (or
   * true), or a promise of it. `'loopback'` admits requests from this machine that no proxy forwarded.
   */
  readonly authorize: 'loopback' | OpsAuthorize;
  /**
   * Show everything, and refuse every action.
   * @default false
   */
  readonly readOnly?: boolean;
  /**
   * The prefix of every key in Redis, the same that the middlewares were given.
   * @default ''
   */
  readonly prefix?: string;
  /**
   * Milliseconds to wait for Redis.
   * @default 1000
   */
  readonly timeoutMs?: number;
  /**
   * Receives one message per action, with the person who took it.
   * @default console
   */
  readonly logger?: Logger;
}

export const checks = {
  ...connectionChecks,
  authorize: anyOf(oneOf('loopback'), aFunction),
  readOnly: aBoolean,
};

export const defaults = { readOnly: false, prefix: '', timeoutMs: 1_000 } satisfies Partial<OpsOptions>;

export type OpsSettings = WithDefaults<OpsOptions, typeof defaults>;

const BY_AUTHORIZE = 'use "authorize"';

export const hints = {
  auth: BY_AUTHORIZE,
  users: BY_AUTHORIZE,
  username: BY_AUTHORIZE,
  password: BY_AUTHORIZE,
  isAllowed: BY_AUTHORIZE,
  path: 'leave it out: the path is that of app.use',
  basePath: 'leave it out: the path is that of app.use',
  csrf: 'leave it out: actions are protected',
};
