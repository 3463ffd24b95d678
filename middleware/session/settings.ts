import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { consoleLogger, type Logger } from '../../src/logger.js';
import { readOptions, type WithDefaults } from '../../src/read-options.js';
import { isThenable } from '../../src/settle.js';
import { monotonicNow } from '../../src/timers.js';
import { type AdoptSettings, readAdoptOptions } from './adopt/options.js';
import { resultError } from './callback-results.js';
import type { SessionCookie } from './cookie/cookie.js';
import { CookieGuard } from './cookie/guard.js';
import { defaultName, prefixComplaint } from './cookie/name-prefix.js';
import {
  attributesFor,
  type CookieAttributes,
  readCookieOptions,
  refusePast,
  type SessionCookieOptions,
} from './cookie/options.js';
import { checks, defaults, hints, type SessionOptions } from './options.js';
import type { SessionSecret } from './secret.js';

/** The options of `session`, checked and completed. */
export interface SessionSettings extends WithDefaults<Omit<SessionOptions, 'adopt'>, typeof defaults> {
  readonly name: string;
  readonly logger: Logger;
  readonly adopt?: AdoptSettings;
  /** Whether cookies that an older secret signed are signed again by now. */
  mayResign(): boolean;
  /** Undefined: the secret of cookie-parser, which is on the request. */
  readonly secrets: readonly SessionSecret[] | undefined;
  /** The path below which requests have a session. */
  pathFor(req: Request): string;
  attributes(req: Request): CookieAttributes;
  /** The cookie is a function: the request that creates a session decides on its lifetime. */
  readonly hasOwnLifetimes: boolean;
  /** The idle timeout of a session without a `maxAge` of its own; undefined when the cookie has a fixed end. */
  readonly maxIdleMs: number | undefined;
  /** Whether the cookie may be sent over the connection of this request. */
  maySend(req: Request, cookie: SessionCookie): boolean;
}

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function readSettings(given: SessionOptions): SessionSettings {
  requireSecretIfNamed(given);
  const options = readOptions('session', given, checks, defaults, ['redis'], hints);
  requireUser(options);
  const { adopt, ...others } = options;
  const { name, cookieFor, fixed } = cookieSettings(options);
  const logger = options.logger ?? consoleLogger;
  if (options.resave) explainResave(logger);
  const guard = new CookieGuard(logger, { ...options, name });
  guard.checkLifetime(fixed?.maxAge ?? (fixed?.expires && fixed.expires.getTime() - Date.now()));
  const resignsAt = monotonicNow() + options.resignAfterMs;
  return {
    ...others,
    ...(adopt && { adopt: readAdoptOptions(adopt) }),
    name,
    logger,
    mayResign: () => monotonicNow() >= resignsAt,
    secrets: options.secret === undefined ? undefined : [options.secret].flat(),
    pathFor: (req) => cookieFor(req).path ?? '/',
    hasOwnLifetimes: fixed === undefined,
    maxIdleMs: fixed?.expires ? undefined : (fixed?.maxAge ?? options.idleTimeoutMs),
    attributes: (req) => attributesFor(req, cookieFor(req), options.proxy),
    maySend: (req, cookie) => guard.maySend(req, cookie),
  };
}

// `readOptions` takes undefined for a missing option. Here that would silently trust the secret of cookie-parser.
function requireSecretIfNamed(given: SessionOptions): void {
  if (given === null || typeof given !== 'object') return;
  if (!Object.hasOwn(given, 'secret') || given.secret !== undefined) return;
  throw new ToolkitError(
    'OPTION_INVALID',
    'session: secret option required: option "secret" is undefined, perhaps because an environment variable is not set. To use the secret of cookieParser(secret), leave the key out',
  );
}

function requireUser(options: SessionOptions): void {
  for (const name of ['maxPerUser', 'device'] as const) {
    if (options[name] === undefined || options.user) continue;
    throw new ToolkitError('OPTION_INVALID', `session: option "${name}" needs option "user" beside it`);
  }
}

function explainResave(logger: Logger): void {
  logger.warn(
    { code: 'SESSION_RESAVE_UNNEEDED' },
    'session: option "resave" has no effect: unchanged properties are never written, and reading a session extends it. Leave it out',
  );
}

function cookieSettings({
  name,
  cookie,
  adopt,
}: Pick<SessionOptions, 'name' | 'adopt'> & Required<Pick<SessionOptions, 'cookie'>>) {
  if (typeof cookie === 'function') {
    return {
      name: name ?? 'connect.sid',
      cookieFor: (req: Request) => readCookieOptions(returned(cookie(req))),
    };
  }
  const fixed = readCookieOptions(cookie);
  refusePast(cookie);
  // The cookies of express-session have this name, whatever their attributes are.
  const chosen = name ?? (adopt ? 'connect.sid' : defaultName(fixed));
  const complaint = prefixComplaint(chosen, { ...fixed, path: fixed.path ?? '/' });
  if (complaint) throw new ToolkitError('OPTION_INVALID', `session: ${complaint}`);
  return { name: chosen, fixed, cookieFor: () => fixed };
}

function returned(attributes: SessionCookieOptions): SessionCookieOptions {
  if (
    attributes !== null &&
    typeof attributes === 'object' &&
    !Array.isArray(attributes) &&
    !isThenable(attributes)
  ) {
    return attributes;
  }
  throw resultError('cookie', 'an object', attributes);
}
