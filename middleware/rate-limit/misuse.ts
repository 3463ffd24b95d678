import type { Express, Request } from 'express';
import { consoleLogger } from '../../src/logger.js';
import { loggedPath, logMisuse, type NoticeCode } from '../../src/notices.js';
import { type RedisClient, whenReset } from '../../src/redis/index.js';
import { stateOf } from '../request-state.js';
import { NO_ADDRESS } from './client-address.js';
import type { RateLimitSettings } from './options.js';
import { type DeclaredPolicy, declaredCounter, hasFixedWindow } from './policies.js';

declare module '../request-state.js' {
  interface RequestState {
    /** The limiters that have met the request. */
    limiters?: symbol[];
  }
}

export interface MisuseWatch {
  /** Checks that the client's address reaches the application. */
  checkAddress(req: Request, key: string): void;
  /** Whether this limiter has met the request before. */
  hasMet(req: Request): boolean;
  /** Notes that the limiter meets the request now. Returns whether that is the first time. */
  meet(req: Request): boolean;
}

/** Looks for misuse that only shows at run time, and logs each kind once per limiter. */
export function misuseWatch({ logger = consoleLogger, keyGenerator }: RateLimitSettings): MisuseWatch {
  const limiter = Symbol('limiter');
  const seen = new Set<NoticeCode>();
  const explain = (code: NoticeCode, details: object = {}) => {
    if (seen.has(code)) return;
    seen.add(code);
    logMisuse(logger, code, details);
  };
  let isFirst = true;
  const source = String(keyGenerator);
  if (/\breq(uest)?\.ip\b/.test(source) && !source.includes('ipKeyGenerator')) {
    explain('RATE_LIMIT_ADDRESS_UNCUT');
  }
  return {
    checkAddress(req: Request, key: string): void {
      if (keyGenerator) return;
      // A client that has gone has no address either, and that is no misuse.
      if (key === NO_ADDRESS && !req.socket.destroyed) explain('RATE_LIMIT_ADDRESS_MISSING');
      const isForwarded = req.headers['x-forwarded-for'] !== undefined;
      if (isForwarded || isFirst) {
        isFirst = false;
        // Without Express there is no app.
        const trust: unknown = (req.app as Express | undefined)?.get('trust proxy');
        if (trust === true) explain('RATE_LIMIT_TRUST_PROXY_ANY');
        else if (isForwarded && !trust) explain('RATE_LIMIT_TRUST_PROXY_OFF');
      }
      if (isForwarded || req.headers.forwarded === undefined) return;
      if (req.ip === req.socket.remoteAddress) explain('RATE_LIMIT_FORWARDED_IGNORED');
    },

    hasMet: (req: Request): boolean => stateOf(req).limiters?.includes(limiter) ?? false,

    meet(req: Request): boolean {
      const state = stateOf(req);
      state.limiters ??= [];
      if (!state.limiters.includes(limiter)) return state.limiters.push(limiter) > 0;
      explain('RATE_LIMIT_MOUNTED_TWICE', { url: loggedPath(req.originalUrl) });
      return false;
    },
  };
}

const namesInUse = new WeakMap<RedisClient, Set<string>>();

/** Reports two limiters that count each other's requests, or may: same name, window, algorithm and prefix. */
export function checkNameReuse(declared: readonly DeclaredPolicy[], options: RateLimitSettings): void {
  const inUse = namesInUse.get(options.redis) ?? new Set<string>();
  if (!namesInUse.has(options.redis)) whenReset(options.redis, () => inUse.clear());
  namesInUse.set(options.redis, inUse);
  for (const policy of declared) {
    const { met, notes } = windowNames(policy, options.prefix);
    if (met.some((name) => inUse.has(name))) {
      logMisuse(options.logger ?? consoleLogger, 'RATE_LIMIT_NAME_REUSED', {
        identifier: policy.name,
        prefix: options.prefix,
      });
    }
    for (const name of notes) inUse.add(name);
  }
}

// A function may return any window, so it meets all windows of its name, and all windows meet it.
function windowNames(policy: DeclaredPolicy, prefix: string) {
  const family = `${prefix}\n${policy.name}/${policy.algorithm}`;
  const [any, byFunction] = [`${family} any`, `${family} by function`];
  if (!hasFixedWindow(policy)) return { met: [any], notes: [any, byFunction] };
  const exact = `${prefix}\n${declaredCounter(policy)}`;
  return { met: [exact, byFunction], notes: [exact, any] };
}
