import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { childrenOf, isRunning } from '../support/system.js';
import { OWN_SERVICES, portOf, startFromSources } from './support/sample-process.js';

const run = promisify(execFile);

test('without any configuration it is ready within 10 s, and the lines that it prints do what they say', async () => {
  const began = performance.now();
  const child = startFromSources();
  await portOf(child);
  expect(performance.now() - began).toBeLessThan(10_000);
  const services = childrenOf(child.pid).filter(({ command }) => OWN_SERVICES.test(command));

  const cwd = mkdtempSync(join(tmpdir(), 'curl-'));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  const lines = child.output().match(/^ {2}curl .*$/gm)!;
  const answers: string[] = [];
  for (const line of lines) answers.push((await run('sh', ['-c', line], { cwd })).stdout);
  const [miss, hit, login, change, fresh, guesses] = answers;
  for (const answer of [miss, hit, login, change, fresh]) expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(miss).toMatch(/Cache-Status: .*fwd=uri-miss/);
  expect(hit).toMatch(/Cache-Status: .*;hit/);
  expect(fresh).toMatch(/Cache-Status: .*fwd=[\s\S]*Somebody Else/);
  expect(guesses).toBe(`${'401\n'.repeat(10)}429\n`);
  // The lines to try fit on a screen.
  expect(child.output().split('\n').length).toBeLessThan(24);

  await child.kill('SIGTERM');
  expect(await child.exited).toEqual({ code: 0, signal: null });
  // A server and its keeper, twice; nothing is left for the keepers to do once it has ended.
  expect(services).toHaveLength(4);
  expect(services.filter(({ pid }) => isRunning(pid))).toEqual([]);
  // The lines cost the server a dozen password hashes.
}, 60_000);
