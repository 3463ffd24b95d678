import express, { type Express, type RequestHandler } from 'express';
import request from 'supertest';
import type { OpsOptions } from '../../../../middleware/ops/index.js';
import { ops } from '../../../../middleware/ops/index.js';

export const quiet = { info() {}, warn() {}, error() {} };

/** An app with `ops` at /ops; `before` is mounted in front of it. */
export function opsApp(
  options: Omit<OpsOptions, 'authorize'> & Partial<OpsOptions>,
  ...before: RequestHandler[]
): Express {
  const app = express();
  for (const handler of before) app.use(handler);
  app.use('/ops', ops({ authorize: () => 'ada', logger: quiet, ...options }));
  return app;
}

/** An operator's browser: keeps the cookie and the token. */
export async function operator(app: Express | string) {
  const agent = request.agent(app);
  const state = await agent.get('/ops/api/state').expect(200);
  return {
    state: async () => (await agent.get('/ops/api/state').expect(200)).body,
    get: (path: string, query: object = {}) => agent.get(`/ops/api/${path}`).query(query),
    post: (path: string, body: object = {}) =>
      agent.post(`/ops/api/${path}`).set('X-Ops-Token', state.body.token).send(body),
  };
}
