import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { findProgram, findRedis } from '../../../src/testing/find-program.js';
import { startTestServer } from '../../../src/testing/test-server.js';

function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'testing-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function answerOf(url: string): Promise<string> {
  const client = new Redis(url, { retryStrategy: null });
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client.ping();
}

test('startTestServer uses the Redis of REDIS_URL, and leaves it running', async () => {
  const REDIS_URL = inject('redisUrl');
  const { url, stop } = await startTestServer({ REDIS_URL });
  expect(url).toBe(REDIS_URL);
  await stop();
  expect(await answerOf(url)).toBe('PONG');
});

test.each(['redis-server', 'valkey-server'])('startTestServer starts a %s on PATH', async (name) => {
  const PATH = emptyDirectory();
  symlinkSync(findRedis(process.env)!, join(PATH, name));
  const { url, stop } = await startTestServer({ PATH, REDIS_URL: '' });
  onTestFinished(stop);
  expect(await answerOf(url)).toBe('PONG');
  await stop();
  await expect(answerOf(url)).rejects.toThrow();
});

test('without any Redis the error of startTestServer lists the ways to get one', async () => {
  const failure = startTestServer({ PATH: emptyDirectory() });
  await expect(failure).rejects.toMatchObject({ code: 'TEST_REDIS_MISSING' });
  await expect(failure).rejects.toThrow(
    /REDIS_URL.* redis-server or valkey-server on PATH.* redis-memory-server/,
  );
});

test('a redis-server that does not start is named, with its own words', async () => {
  const PATH = emptyDirectory();
  writeFileSync(join(PATH, 'redis-server'), '#!/bin/sh\necho "wrong architecture" >&2; exit 1\n', {
    mode: 0o755,
  });
  const failure = startTestServer({ PATH });
  await expect(failure).rejects.toMatchObject({ code: 'TEST_REDIS_MISSING' });
  await expect(failure).rejects.toThrow(/redis-server did not start: wrong architecture/);
});

// test/package/testing.sh runs the real package; this one has its interface.
test('startTestServer uses the redis-memory-server of the project that is tested', async () => {
  const [project, PATH] = [emptyDirectory(), emptyDirectory()];
  const folder = join(project, 'node_modules/redis-memory-server');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'index.js'),
    `exports.RedisMemoryServer = class {
      async start() {}
      async getHost() { return '127.0.0.1'; }
      async getPort() { return 4711; }
      async stop() { console.log('stopped'); }
    };`,
  );
  const script = `import { startTestServer } from '${join(__dirname, '../../../src/testing/test-server.ts')}';
    void startTestServer({ PATH: '${PATH}' }).then(({ url, stop }) => { console.log(url); return stop(); });`;
  writeFileSync(join(project, 'start.ts'), script);
  const tsx = join(__dirname, '../../../node_modules/.bin/tsx');
  expect(findProgram('node', process.env)).toBeDefined();
  const output = execFileSync(tsx, ['start.ts'], { cwd: project, encoding: 'utf8' });
  expect(output).toBe('redis://127.0.0.1:4711\nstopped\n');
});
