import { join } from 'node:path';
import express, { type Request, Router } from 'express';
import type { CommandLog } from './command-log.js';

const FILES = join(__dirname, 'public');
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');
const LOOPBACK = /^(?:::1|(?:::ffff:)?127\.[\d.]+)$/;
// A name that an attacker's DNS points at this machine is none of these.
const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** The page at `/`: static files, and the commands that Redis ran for what the page did. For development only. */
export function pageRouter(commands: Pick<CommandLog, 'since'>): Router {
  const router = Router();
  router.get('/page/commands', async (req, res, next) => {
    // The keys name people and addresses: only who sits at this machine sees them.
    if (!isLocal(req)) return next();
    const since = Number(req.query.since);
    res.set('Cache-Control', 'no-store');
    res.json(await commands.since(Number.isSafeInteger(since) ? since : 0));
  });
  const setHeaders = (res: { setHeader(name: string, value: string): void }) =>
    res.setHeader('Content-Security-Policy', POLICY);
  router.use(express.static(FILES, { setHeaders, redirect: false }));
  return router;
}

const isLocal = (req: Request): boolean =>
  LOOPBACK.test(req.socket.remoteAddress ?? '') && LOCAL_NAMES.includes(req.hostname);
