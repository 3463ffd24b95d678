import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase } from '../../support/postgres.js';
import { launch, launchBundled, type TypeScriptChild } from '../../support/processes.js';
import { startRedis } from '../../support/redis.js';

const ROOT = join(__dirname, '../../..');
const FOLDER = join(ROOT, 'examples/fastapi');
const PACKAGES = 'python3-redis python3-fastapi python3-uvicorn python3-psycopg2';
// Debian's own: another Python on PATH would not see Debian's packages.
const PYTHON = '/usr/bin/python3';
// Nothing is written beside the sources.
const PYTHON_ARGS = ['-B'];
const PATIENCE = { withinMs: 30_000 };

/** The sample and its neighbour in Python, each a process, on a Redis and a database of their own. */
export async function startNeighbours() {
  checkPackages();
  const [redis, database] = await Promise.all([startRedis(), createTestDatabase()]);
  const env = {
    REDIS_URL: redis.url,
    DATABASE_URL: database.url,
    SESSION_SECRET: 'a secret of at least thirty-two characters',
    PORT: '0',
    LOG_LEVEL: 'warn',
    NODE_ENV: undefined,
    TRUST_PROXY: 'true',
  };
  const sample = await launchBundled(join(ROOT, 'server/main.ts'), { env });
  // The sample prepares the database.
  const url = await urlOf(sample, /Listening on (http:\/\/localhost:\d+)/);
  const service = startPython('main.py', env);
  return {
    redis,
    databaseUrl: database.url,
    url,
    pythonUrl: await urlOf(service, /Listening on (\S+)/),
    service,
    /** Another instance of the service, for a test that ends it. */
    async another() {
      const child = startPython('main.py', env);
      onTestFinished(() => child.kill());
      return { child, pythonUrl: await urlOf(child, /Listening on (\S+)/) };
    },
    /** The job, with its arguments. */
    job(...args: string[]): TypeScriptChild {
      const child = startPython('tidy_names.py', env, args);
      onTestFinished(() => child.kill());
      return child;
    },
    async stop() {
      await Promise.all([sample.kill(), service.kill()]);
      await Promise.all([redis.stop(), database.drop()]);
    },
  };
}

const startPython = (file: string, env: Record<string, string | undefined>, args: string[] = []) =>
  launch(join(FOLDER, file), { env, args, execPath: PYTHON, execArgv: PYTHON_ARGS });

async function urlOf(child: TypeScriptChild, listening: RegExp): Promise<string> {
  let ended = false;
  void child.exited.then(() => {
    ended = true;
  });
  await eventually(
    'it listens',
    () => {
      if (ended) throw new Error(child.output());
      return listening.test(child.output());
    },
    PATIENCE,
  );
  return listening.exec(child.output())![1]!;
}

/** Runs an expression with the names of a module of the example, and gives its JSON. */
export async function evaluate<T>(module: string, expression: string, given: unknown): Promise<T> {
  const script = `import json, sys; from ${module} import *; given = json.load(sys.stdin); print(json.dumps(${expression}))`;
  const running = promisify(execFile)(PYTHON, [...PYTHON_ARGS, '-c', script], { cwd: FOLDER });
  running.child.stdin!.end(JSON.stringify(given));
  return JSON.parse((await running).stdout) as T;
}

function checkPackages(): void {
  try {
    execFileSync(PYTHON, ['-c', 'import redis, fastapi, uvicorn, psycopg2'], { stdio: 'pipe' });
  } catch (error) {
    throw new Error(`This test needs Debian's Python packages: apt-get install ${PACKAGES}`, {
      cause: error,
    });
  }
}
