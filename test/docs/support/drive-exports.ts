import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import type { Worker } from 'bullmq';
import express, { type RequestHandler } from 'express';
import { type Conditions, firstProblem, settledWithin } from './verdicts.js';

// biome-ignore lint/suspicious/noExplicitAny: the exports of blocks, which are compiled by themselves
type Exports = Record<string, any>;

interface Call {
  /** What a user would do with the exported functions. While Redis is away it may fail, but has to end. */
  run(exports: Exports): Promise<unknown>;
  readonly expected: unknown;
}

/** By the names of the exports that a call is for. Each exported function has to have one. */
const CALLS: Record<string, Call> = {
  'changePrices forgetAll price': {
    async run({ price, changePrices, forgetAll }) {
      const id = randomUUID();
      const seen = [await price(id, async () => 5), await price(id, async () => 6)];
      await changePrices(async () => undefined);
      seen.push(await price(id, async () => 7));
      await forgetAll();
      return [...seen, await price(id, async () => 8)];
    },
    expected: [5, 5, 7, 8],
  },
  'changePrices price': {
    async run({ price, changePrices }) {
      const id = randomUUID();
      const seen = [await price(id, async () => 5), await price(id, async () => 6)];
      await changePrices(async () => undefined);
      return [...seen, await price(id, async () => 7)];
    },
    expected: [5, 5, 7],
  },
  price: {
    async run({ price }) {
      const id = randomUUID();
      return [await price(id, async () => 5), await price(id, async () => 6)];
    },
    expected: [5, 5],
  },
  names: {
    async run({ names }) {
      const id = randomUUID();
      const read = (name: string) => async (keys: string[]) => new Map(keys.map((key) => [key, name]));
      const seen = [await names([id], read('old')), await names([id], read('new'))];
      return seen.map((found: Map<string, string>) => found.get(`product:${id}`));
    },
    expected: ['old', 'old'],
  },
  'found token': {
    async run({ token, found }) {
      const id = randomUUID();
      const load = (text: string) => async () => ({ text, expiresIn: 60 });
      const seen = [await token(id, load('one')), await token(id, load('two'))];
      const hits = [await found(id, async () => [id]), await found(id, async () => [])];
      return [...seen.map(({ text }) => text), ...hits.map(({ length }) => length)];
    },
    expected: ['one', 'one', 1, 1],
  },
  importPrices: { run: ({ importPrices }) => importPrices(async () => undefined), expected: undefined },
  rebuildReport: {
    async run({ rebuildReport }) {
      const write = (id: number) => rebuildReport(id, async () => 'a body');
      // The second row says that a later holder has written already.
      return [await write(1), await write(2)];
    },
    expected: [true, false],
  },
  'CacheModule middlewares': {
    async run({ CacheModule, middlewares }) {
      const { NestFactory } = await import('@nestjs/core');
      const app = await NestFactory.create(CacheModule, { logger: false });
      await app.use(middlewares()).listen(0, '127.0.0.1');
      const { status, headers } = await fetch(await app.getUrl());
      await app.close();
      return [status, headers.has('ratelimit')];
    },
    expected: [404, true],
  },
  'enqueue work': {
    async run({ enqueue, work }) {
      let worker: Worker | undefined;
      const handled = new Promise((resolve) => {
        worker = work(async (userId: string) => resolve(userId));
      });
      try {
        // In its first moments the queue is not connected.
        await eventually(() => enqueue('7'), 3_000);
        return await handled;
      } finally {
        void worker?.close(true);
      }
    },
    expected: '7',
  },
};

/** Calls what a block exports. Answers servers for its routers and middlewares. */
export async function driveExports(exports: Exports, conditions: Conditions): Promise<Server[]> {
  const functions = Object.entries(exports).filter(([, value]) => typeof value === 'function');
  const [mountable, callable] = [
    functions.filter(isMountable),
    functions.filter((each) => !isMountable(each)),
  ];
  if (callable.length > 0)
    await call(
      callable
        .map(([name]) => name)
        .sort()
        .join(' '),
      exports,
      conditions,
    );
  return Promise.all(mountable.map(([, middleware]) => serverWith(middleware as RequestHandler)));
}

const isMountable = ([, value]: [string, unknown]) => typeof value === 'function' && value.length === 3;

async function call(names: string, exports: Exports, conditions: Conditions): Promise<void> {
  const { redis, deadlineMs, note } = conditions;
  const known = CALLS[names];
  if (!known)
    return note(`nobody calls its exports ${names}: add them to test/docs/support/drive-exports.ts`);
  const problem = await firstProblem(conditions, async () => {
    try {
      const result = await settledWithin(deadlineMs, known.run(exports), 'the call');
      const isRight = redis === 'away' || isDeepStrictEqual(result, known.expected);
      return isRight ? undefined : `${JSON.stringify(result)} is not ${JSON.stringify(known.expected)}`;
    } catch (error) {
      const isExcused = redis === 'away' && !String(error).includes('did not end');
      return isExcused ? undefined : String(error);
    }
  });
  if (problem) note(`${names}: ${problem}`);
}

async function serverWith(middleware: RequestHandler): Promise<Server> {
  const app = express().use(middleware);
  app.get('/', (_req, res) => void res.send('reached'));
  const server = app.listen(0);
  await once(server, 'listening');
  return server;
}

async function eventually(attempt: () => Promise<unknown>, withinMs: number): Promise<void> {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise(setImmediate);
    }
  }
}
