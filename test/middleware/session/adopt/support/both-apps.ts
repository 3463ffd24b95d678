import { onTestFinished } from 'vitest';
import type { SessionOptions } from '../../../../../middleware/session/options.js';
import { session } from '../../../../../middleware/session/session.js';
import { recordingLogger } from '../../../../faults/clients.js';
import { serve } from '../../../support/redis-for-file.js';
import { type Client, clientOf } from '../../support/session-client.js';
import { MAX_AGE_MS, movingApp, type OldOptions, oldSessions, SECRET, userOf } from './moving-app.js';

/** The old application, for the running test. */
export async function serveOld(url: string, options: OldOptions = {}): Promise<string> {
  const { sessions, close } = await oldSessions(url, options);
  onTestFinished(close);
  return serve(movingApp(sessions));
}

/** The same application on our sessions, which adopt the old ones. */
export async function serveNew(
  redis: SessionOptions['redis'],
  { adopt = {}, ...options }: Partial<SessionOptions> = {},
) {
  const logger = recordingLogger();
  const sessions = session({
    redis,
    secret: SECRET,
    logger,
    cookie: { maxAge: MAX_AGE_MS },
    user: userOf,
    adopt,
    ...options,
  });
  const url = await serve(movingApp(sessions));
  return { url, sessions, logger };
}

/** The same browser at another server. */
export const at = (url: string, { cookie }: Client): Client => clientOf(url, cookie);

export const shown = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/show')).text);
