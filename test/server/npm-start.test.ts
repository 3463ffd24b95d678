import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../src/testing/free-port.js';
import { startKeeper } from '../../src/testing/keeper.js';
import { eventually } from '../support/eventually.js';
import { childrenOf, isRunning, type SystemProcess } from '../support/system.js';

const ROOT = join(__dirname, '../..');
const BARE = { NODE_ENV: '', REDIS_URL: '', DATABASE_URL: '', SESSION_SECRET: '', LOG_LEVEL: 'warn' };

let port: number;
beforeEach(async () => {
  port = await freePort();
});

function npmStart() {
  const keeper = startKeeper();
  const npm = spawn('npm', ['start'], {
    cwd: ROOT,
    env: { ...process.env, ...BARE, PORT: `${port}` },
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = npm.pid!;
  keeper.watch(pid, 'SIGKILL');
  onTestFinished(async () => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {} // The whole group has ended, as it should.
    await keeper.close();
  });
  return { pid, output: npm.stdout.setEncoding('utf8') };
}

async function ready(npm: ReturnType<typeof npmStart>): Promise<void> {
  for await (const text of npm.output.iterator({ destroyOnReturn: false })) {
    if (text.includes('Listening on')) break;
  }
  npm.output.resume();
}

function descendantsOf(pid: number): SystemProcess[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child.pid)]);
}

const allGone = (processes: SystemProcess[]) =>
  eventually('everything that npm start began is gone', () => !processes.some(({ pid }) => isRunning(pid)));

async function open() {
  const socket = connect(port, 'localhost');
  await once(socket, 'connect');
  // What is cut off shows as data that never comes.
  socket.on('error', () => {});
  return socket;
}

test.each(['SIGTERM', 'SIGKILL'] as const)(
  '%s to npm alone ends the server and its services',
  async (signal) => {
    const npm = npmStart();
    await ready(npm);
    const begun = descendantsOf(npm.pid);
    expect(begun.some(({ command }) => command.includes('redis-server'))).toBe(true);
    process.kill(npm.pid, signal);
    await allGone(begun);
    await expect(open()).rejects.toThrow('ECONNREFUSED');
  },
);

test('SIGKILL to npm while the server is still loading ends it as well', async () => {
  const npm = npmStart();
  const isLoading = () => descendantsOf(npm.pid).some(({ command }) => command.includes('server/main.ts'));
  await eventually('npm has started the server', isLoading);
  const begun = descendantsOf(npm.pid);
  process.kill(npm.pid, 'SIGKILL');
  await allGone(begun);
});

test('Ctrl-C, which reaches the server from the terminal and again from npm, lets a request finish', async () => {
  const npm = npmStart();
  await ready(npm);
  const socket = await open();
  const body = JSON.stringify({ email: 'nobody@example.com', password: 'wrong' });
  const head = `POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
  // The server answers 100 as soon as the request is in flight.
  socket.write(`${head}\r\nExpect: 100-continue\r\n\r\n`);
  await once(socket, 'data');
  const begun = descendantsOf(npm.pid);
  process.kill(-npm.pid, 'SIGINT');
  await eventually('the server accepts nothing more', () =>
    open().then(
      () => false,
      () => true,
    ),
  );
  socket.write(body);
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1\.1 401 /);
  await allGone(begun);
});
