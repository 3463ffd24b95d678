import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { RequestHandler } from 'express';
import { session } from '../../../../../middleware/session/session.js';
import { connectRedis } from '../../../../../src/redis/connect.js';
import { serve } from '../../../../support/child.js';
import { patient } from '../../../../support/patient.js';
import { MAX_AGE_MS, movingApp, oldSessions, SECRET, userOf } from './moving-app.js';

const { REDIS_URL: url, ADOPT } = process.env as Record<string, string>;

/** A process of the new application if ADOPT is set, or else of the old one. */
async function sessions(): Promise<RequestHandler> {
  if (!ADOPT) return (await oldSessions(url!)).sessions;
  const redis = patient(connectRedis(url));
  const cookie = { maxAge: MAX_AGE_MS };
  return session({ redis, secret: SECRET, cookie, user: userOf, adopt: JSON.parse(ADOPT) });
}

serve({
  async listen() {
    const server = movingApp(await sessions()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
});
