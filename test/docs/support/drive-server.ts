import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sign } from 'cookie-signature';
import type { Express, Router } from 'express';
import { type Conditions, firstProblem, isAllowed, settledWithin } from './verdicts.js';

/** What the examples read of a body. */
const BODY = JSON.stringify({
  name: 'Ada',
  password: 'correct horse',
  email: 'ada@example.com',
  remember: true,
});

interface Route {
  readonly method: string;
  readonly path: string;
}

/**
 * Sends a request to each route of a server, as a visitor who has no cookie, and as one who has: that of a session that
 * ended, or the one that a login of the server gave. Each has to be answered in time.
 */
export async function driveServer(server: Server, conditions: Conditions): Promise<void> {
  if (!server.listening) await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const routes = [...routesOf(server), { method: 'GET', path: '/nowhere' }];
  let cookie: string | undefined;
  for (const visitor of ['a stranger', 'a visitor with a cookie']) {
    for (const route of routes) {
      const problem = await firstProblem(conditions, async () => {
        const { problem, given } = await answerTo(port, route, cookie, conditions);
        if (cookie !== undefined) cookie = given ?? cookie;
        return problem;
      });
      if (problem) conditions.note(`${route.method} ${route.path} of ${visitor}: ${problem}`);
    }
    if (server.listenerCount('upgrade') > 0) {
      const problem = await firstProblem(conditions, () => upgrade(port, cookie, conditions));
      if (problem) conditions.note(`an upgrade of ${visitor}: ${problem}`);
    }
    cookie = `connect.sid=${encodeURIComponent(`s:${sign('ended', process.env.SESSION_SECRET!)}`)}`;
  }
}

export function routesOf(server: Server): Route[] {
  const app = server.listeners('request')[0] as Partial<Express> | undefined;
  return routesOfRouter(app?.router);
}

function routesOfRouter(router: Router | undefined): Route[] {
  return (router?.stack ?? []).flatMap((layer) => {
    if (!layer.route) return routesOfRouter(layer.handle as unknown as Router);
    const methods = layer.route.stack.map(({ method }) => method.toUpperCase());
    const path = layer.route.path.replace(/:\w+/g, '1');
    return [...new Set(methods)].map((method) => ({ method, path }));
  });
}

interface Answer {
  readonly problem?: string | undefined;
  /** The cookie that it sets. */
  readonly given?: string | undefined;
}

async function answerTo(
  port: number,
  { method, path }: Route,
  cookie: string | undefined,
  { redis, deadlineMs }: Conditions,
): Promise<Answer> {
  const gone = new AbortController();
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const headers = { ...(cookie && { cookie }), ...(hasBody && { 'content-type': 'application/json' }) };
  const init = { method, headers, signal: gone.signal, ...(hasBody && { body: BODY }) };
  try {
    const asked = fetch(`http://127.0.0.1:${port}${path}`, init);
    const answer = await settledWithin(deadlineMs, asked, 'the answer');
    const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true;
    const body = isStream ? '' : await settledWithin(deadlineMs, answer.text(), 'the body');
    const given = answer.headers.getSetCookie()[0]?.split(';')[0];
    return isAllowed(answer.status, redis) ? { given } : { problem: `${answer.status} ${body}` };
  } catch (error) {
    return { problem: String(error) };
  } finally {
    gone.abort();
  }
}

async function upgrade(
  port: number,
  cookie: string | undefined,
  { redis, deadlineMs }: Conditions,
): Promise<string | undefined> {
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket', ...(cookie && { cookie }) };
  const asking = httpRequest({ port, host: '127.0.0.1', headers }).end();
  const answered = new Promise<number>((resolve, reject) => {
    asking.once('response', (answer: IncomingMessage) => resolve(answer.statusCode!)).once('error', reject);
  });
  try {
    const status = await settledWithin(deadlineMs, answered, 'the answer');
    return isAllowed(status, redis) ? undefined : String(status);
  } catch (error) {
    return String(error);
  } finally {
    asking.destroy();
  }
}
