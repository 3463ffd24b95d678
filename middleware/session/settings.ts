import type { Request } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { consoleLogger, type Logger } from '../../src/logger.js';
import { readOptions } from '../../src/read-options.js';
import type { SessionCookie } from './cookie/cookie.js';
import { cookieGuard } from './cookie/guard.js';
import type { CookieAttributes } from './cookie/options.js';
import { attributesFor, readCookieOptions, type SessionCookieSettings } from './cookie/options.js';
import { checks, defaults, hints, type SessionOptions } from './options.js';
import type { DraftOptions } from './session-changes.js';

/** What a request's session needs of the options. */
export interface SessionSettings extends DraftOptions {
  readonly name: string;
  readonly rolling: boolean;
  readonly saveUninitialized: boolean;
  readonly unset: 'keep' | 'destroy';
  readonly genid: (req: Request) => string;
  attributes(req: Request): CookieAttributes;
  maySend(req: Request, cookie: SessionCookie): boolean;
}

/** The options, checked and completed. @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function readSettings(given: SessionOptions) {
  const options = readOptions('session', given, checks, defaults, ['redis'], hints);
  refuseUserless(options);
  const { name, cookieFor } = cookieSettings(options);
  const logger = options.logger ?? consoleLogger;
  if (options.resave) explainResave(logger);
  return {
    ...options,
    name,
    secrets: options.secret === undefined ? undefined : [options.secret].flat(),
    pathFor: (req: Request) => cookieFor(req).path ?? '/',
    attributes: (req: Request) => attributesFor(req, cookieFor(req), options.proxy),
    maySend: cookieGuard(logger, options.proxy),
  };
}

function refuseUserless(options: SessionOptions): void {
  for (const name of ['maxPerUser', 'device'] as const) {
    if (options[name] === undefined || options.user) continue;
    throw new ToolkitError('OPTION_INVALID', `session: option "${name}" needs option "user" beside it`);
  }
}

function explainResave(logger: Logger): void {
  logger.warn(
    { code: 'SESSION_RESAVE_UNNEEDED' },
    'session: option "resave" does nothing: what a request did not change is never written, and a session that is read lives on. Leave it out',
  );
}

function cookieSettings({
  name,
  cookie,
}: Pick<SessionOptions, 'name'> & Required<Pick<SessionOptions, 'cookie'>>) {
  if (typeof cookie === 'function') {
    return { name: name ?? 'connect.sid', cookieFor: (req: Request) => readCookieOptions(cookie(req)) };
  }
  const fixed = readCookieOptions(cookie);
  const chosen = name ?? defaultName(fixed);
  refuseBrokenPrefix(chosen, fixed);
  return { name: chosen, cookieFor: () => fixed };
}

/** The prefix binds the cookie to its host (RFC 6265bis), wherever its rules can be kept. */
function defaultName({ secure, domain, path }: SessionCookieSettings): string {
  return secure === true && domain === undefined && (path ?? '/') === '/'
    ? '__Host-connect.sid'
    : 'connect.sid';
}

/** @throws ToolkitError `OPTION_INVALID` */
function refuseBrokenPrefix(name: string, { secure, domain, path }: SessionCookieSettings): void {
  const host = name.startsWith('__Host-');
  if (!host && !name.startsWith('__Secure-')) return;
  if (secure !== true) throw broken(name, 'cookie.secure: true');
  if (host && domain !== undefined) throw broken(name, 'no cookie.domain');
  if (host && (path ?? '/') !== '/') throw broken(name, 'cookie.path: "/"');
}

function broken(name: string, demand: string): ToolkitError {
  return new ToolkitError(
    'OPTION_INVALID',
    `session: browsers drop the cookie "${name}" without ${demand} (RFC 6265bis, cookie name prefixes)`,
  );
}
