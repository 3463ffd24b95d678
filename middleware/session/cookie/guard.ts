import type { Request } from 'express';
import type { Logger } from '../../../src/logger.js';
import type { SessionCookie } from './cookie.js';
import { forwardedProto, isSecure } from './secure-request.js';

/** Decides whether the cookie may be sent over a connection. Explains once why it is not sent, or why browsers would drop it. */
export function cookieGuard(logger: Logger, proxy: boolean | undefined) {
  const explained = new Set<string>();
  const explain = (message: string) => {
    if (explained.has(message)) return;
    explained.add(message);
    logger.warn({ code: 'SESSION_COOKIE_INSECURE' }, `session: ${message}`);
  };
  const hint = 'Behind a proxy that speaks HTTPS set app.set("trust proxy", 1), or proxy: true';

  return (req: Request, cookie: SessionCookie): boolean => {
    const overHttps = isSecure(req, proxy);
    if (cookie.secure && !overHttps) {
      explain(`no cookie is sent, because it is Secure and the request came over plain HTTP. ${hint}`);
      return false;
    }
    if (!overHttps && forwardedProto(req) === 'https') {
      explain(
        `the cookie is sent without Secure, because X-Forwarded-Proto says https but is not trusted. ${hint}`,
      );
    }
    if (!cookie.secure && (cookie.sameSite === 'none' || cookie.partitioned)) {
      const attribute = cookie.partitioned ? 'Partitioned' : 'SameSite=None';
      explain(`browsers drop a cookie that has ${attribute} without Secure. ${hint}`);
    }
    return true;
  };
}
