import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { consoleLogger, type Logger } from '../../src/logger.js';
import { readOptions, type WithDefaults } from '../../src/read-options.js';
import { isThenable } from '../../src/settle.js';
import { resultError } from './callback-results.js';
import type { SessionCookie } from './cookie/cookie.js';
import { cookieGuard } from './cookie/guard.js';
import {
  attributesFor,
  type CookieAttributes,
  readCookieOptions,
  type SessionCookieOptions,
  type SessionCookieSettings,
} from './cookie/options.js';
import { checks, defaults, hints, type SessionOptions } from './options.js';
import type { SessionSecret } from './secret.js';

/** The options of `session`, checked and completed. */
export interface SessionSettings extends WithDefaults<SessionOptions, typeof defaults> {
  readonly name: string;
  readonly logger: Logger;
  /** Undefined: the secret of cookie-parser, which is on the request. */
  readonly secrets: readonly SessionSecret[] | undefined;
  /** The path below which requests have a session. */
  pathFor(req: Request): string;
  attributes(req: Request): CookieAttributes;
  /** The idle timeout of a session without a `maxAge` of its own; undefined when it depends on the request. */
  readonly maxIdleMs: number | undefined;
  /** The same for this request; undefined when the cookie has a fixed end. */
  maxIdleMsFor(req: Request): number | undefined;
  /** Whether the cookie may be sent over the connection of this request. */
  maySend(req: Request, cookie: SessionCookie): boolean;
}

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function readSettings(given: SessionOptions): SessionSettings {
  const options = readOptions('session', given, checks, defaults, ['redis'], hints);
  requireUser(options);
  const { name, cookieFor, fixedCookie } = cookieSettings(options);
  const logger = options.logger ?? consoleLogger;
  const maxIdleMsOf = ({ maxAge, expires }: SessionCookieSettings) =>
    expires ? undefined : (maxAge ?? options.idleTimeoutMs);
  if (options.resave) explainResave(logger);
  return {
    ...options,
    name,
    logger,
    secrets: options.secret === undefined ? undefined : [options.secret].flat(),
    pathFor: (req) => cookieFor(req).path ?? '/',
    maxIdleMs: fixedCookie && maxIdleMsOf(fixedCookie),
    maxIdleMsFor: (req) => maxIdleMsOf(cookieFor(req)),
    attributes: (req) => attributesFor(req, cookieFor(req), options.proxy),
    maySend: cookieGuard(logger, options.proxy),
  };
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
}: Pick<SessionOptions, 'name'> & Required<Pick<SessionOptions, 'cookie'>>) {
  if (typeof cookie === 'function') {
    return {
      name: name ?? 'connect.sid',
      cookieFor: (req: Request) => readCookieOptions(returned(cookie(req))),
    };
  }
  const fixed = readCookieOptions(cookie);
  const chosen = name ?? defaultName(fixed);
  checkPrefix(chosen, fixed);
  return { name: chosen, cookieFor: () => fixed, fixedCookie: fixed };
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

/** Chooses the prefix that binds the cookie to its host (RFC 6265bis), if the attributes allow it. */
function defaultName({ secure, domain, path }: SessionCookieSettings): string {
  return secure === true && domain === undefined && (path ?? '/') === '/'
    ? '__Host-connect.sid'
    : 'connect.sid';
}

/** @throws ToolkitError `OPTION_INVALID` */
function checkPrefix(name: string, { secure, domain, path }: SessionCookieSettings): void {
  const isHost = name.startsWith('__Host-');
  if (!isHost && !name.startsWith('__Secure-')) return;
  if (secure !== true) throw prefixError(name, 'cookie.secure: true');
  if (isHost && domain !== undefined) throw prefixError(name, 'no cookie.domain');
  if (isHost && (path ?? '/') !== '/') throw prefixError(name, 'cookie.path: "/"');
}

function prefixError(name: string, demand: string): ToolkitError {
  return new ToolkitError(
    'OPTION_INVALID',
    `session: browsers drop the cookie "${name}" without ${demand} (RFC 6265bis, cookie name prefixes)`,
  );
}
