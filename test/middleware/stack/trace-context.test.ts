import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { cacheResponse, invalidateOn } from '../../../middleware/cache/index.js';
import { rateLimit } from '../../../middleware/rate-limit/index.js';
import { session } from '../../../middleware/session/index.js';
import { stack } from '../../../middleware/stack/index.js';
import { cacheAside } from '../../../src/cache-aside/index.js';
import { withLock } from '../../../src/locks/index.js';
import { emptyRedis } from '../../support/empty-redis.js';
import { ask } from '../cache/support/cache-client.js';
import { data, SECRET } from '../session/support/session-client.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';

const file = redisForFile();
const requests = Array.from({ length: 20 }, (_, position) => `r${position}`);
const current = new AsyncLocalStorage<string>();

interface Sent {
  readonly by: string | undefined;
  readonly command: string;
}

/** Notes under which request each command is sent, as an instrumentation of `sendCommand` would. */
function watchCommands(): Sent[] {
  const sent: Sent[] = [];
  const { redis } = file;
  const original = redis.sendCommand;
  redis.sendCommand = function sendCommand(command, stream) {
    const args = [command.name, ...command.args].map(String);
    // Values are random; the names of keys tell whose command it is.
    sent.push({ by: current.getStore(), command: args.filter((arg) => /[:{]/.test(arg)).join(' ') });
    return original.call(redis, command, stream);
  };
  onTestFinished(() => void Object.assign(redis, { sendCommand: original }));
  return sent;
}

const of = (req: express.Request) => String(req.query.by);

async function tracedApp() {
  const contexts: [where: string, expected: string, seen: string | undefined][] = [];
  const note = (where: string, req: express.Request) =>
    void contexts.push([where, of(req), current.getStore()]);
  const { redis } = file;
  const common = { redis, logger: quiet, timeoutMs: 5000 };
  const limit = rateLimit({
    ...common,
    limit: 1000,
    windowMs: 60_000,
    keyGenerator: (req) => {
      note('keyGenerator', req);
      return of(req);
    },
  });
  const sessions = session({ ...common, secret: SECRET, genid: (req) => `session of ${of(req)}` });
  const tags = (req: express.Request) => {
    note('tags', req);
    return [`tag:${of(req)}`];
  };
  const values = cacheAside({ redis, logger: quiet, timeoutMs: 5000 });
  const app = express();
  app.use((req, _res, next) => current.run(of(req), next));
  app.get(
    '/page',
    stack(limit, sessions, cacheResponse({ ...common, ttlSeconds: 60, tags })),
    async (req, res) => {
      note('handler', req);
      await values.getOrLoad(`value:${of(req)}`, async () => note('load', req) ?? 1, { ttlSeconds: 60 });
      note('after load', req);
      res.once('finish', () => note('finish', req));
      res.send(of(req));
    },
  );
  app.post('/change', stack(limit, sessions, invalidateOn({ ...common, tags })), async (req, res) => {
    data(req).user = of(req);
    await withLock(redis, `lock of ${of(req)}`, { ttlMs: 5000 }, () => note('lock', req));
    res.send('done');
  });
  const url = await serve(app);
  return { contexts, url };
}

const visit = (url: string, by: string) =>
  ask(url, `/page?by=${by}`)
    .then(() => ask(url, `/page?by=${by}`))
    .then(() => ask(url, `/change?by=${by}`, { method: 'POST' }));

test('20 parallel requests send the commands, and call the functions, in their own asynchronous contexts', async () => {
  const app = await tracedApp();
  const sent = watchCommands();
  for (const by of requests) await visit(app.url, by);
  const alone = sent.splice(0);
  expect(app.contexts.filter(([, expected, seen]) => expected !== seen)).toEqual([]);
  const owners = new Map<string, Set<string | undefined>>();
  for (const { by, command } of alone) owners.set(command, (owners.get(command) ?? new Set()).add(by));
  const ownOf = (command: string) => {
    const [owner, ...others] = owners.get(command) ?? [];
    return others.length === 0 ? owner : undefined;
  };

  await emptyRedis(file.redis);
  sent.length = 0;
  await Promise.all(requests.map((by) => visit(app.url, by)));
  const told = sent.filter(({ command }) => ownOf(command) !== undefined);
  expect(told.length).toBeGreaterThan(20 * 8);
  expect(told.filter(({ by, command }) => by !== ownOf(command))).toEqual([]);
  expect(sent.filter(({ by, command }) => by === undefined && command !== '')).toEqual([]);
  expect(app.contexts.filter(([, expected, seen]) => expected !== seen)).toEqual([]);
  expect(new Set(app.contexts.map(([where]) => where))).toEqual(
    new Set(['keyGenerator', 'tags', 'handler', 'load', 'after load', 'finish', 'lock']),
  );
});

test("ioredis' TracingChannel sees the commands of parallel requests under each of them", async () => {
  const app = await tracedApp();
  await file.redis.script('FLUSH');
  const counts = new Map<string | undefined, number>();
  const note = () => void counts.set(current.getStore(), (counts.get(current.getStore()) ?? 0) + 1);
  subscribe('tracing:ioredis:command:start', note);
  onTestFinished(() => void unsubscribe('tracing:ioredis:command:start', note));
  await Promise.all(requests.map((by) => ask(app.url, `/page?by=${by}&again`)));
  expect([...counts.keys()].sort()).toEqual([...requests].sort());
});
