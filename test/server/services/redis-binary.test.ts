import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { redisBinary } from '../../../server/services/redis-binary.js';

let path: string;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'path-'));
});

afterEach(() => rmSync(path, { recursive: true }));

function program(name: string, script = 'exit 0'): string {
  const file = join(path, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

const find = (log: (line: string) => void = () => {}) => redisBinary(log, { PATH: path });

test('a redis-server on PATH is used, and nothing is said', async () => {
  const redis = program('redis-server');
  program('valkey-server');
  const lines: string[] = [];
  expect(await find((line) => lines.push(line))).toBe(redis);
  expect(lines).toEqual([]);
});

test('a valkey-server serves as well', async () => {
  const valkey = program('valkey-server');
  expect(await find()).toBe(valkey);
});

test('without either, a package manager installs it, announced in one line', async () => {
  program('brew', `[ "$*" = 'install -q redis' ] && /bin/cp "$0" '${path}/redis-server'`);
  const lines: string[] = [];
  expect(await find((line) => lines.push(line))).toBe(join(path, 'redis-server'));
  expect(lines).toEqual(['Redis: not found, installing the package redis with brew …']);
});

const THREE_WAYS = /install Redis yourself .*, set REDIS_URL .*, or run `docker compose up`/;

test('without a package manager the error gives the three ways out', async () => {
  await expect(find()).rejects.toThrow(THREE_WAYS);
});

test('a package manager that fails is quoted, with the three ways out, in one line', async () => {
  program('brew', 'echo "first trouble" >&2; echo "no space left" >&2; exit 1');
  const error = await find().catch((error: Error) => error);
  expect(error).toBeInstanceOf(Error);
  const { message } = error as Error;
  expect(message).toMatch(/with brew \(no space left\)/);
  expect(message).toMatch(THREE_WAYS);
  expect(message).not.toContain('\n');
});

test('a sudo that asks for a password is not used', async () => {
  program('apt-get', 'exit 99');
  program('sudo', 'exit 1');
  chmodSync(path, 0o755);
  const account = process.geteuid!();
  if (account === 0) process.seteuid!('nobody');
  const error = await find().catch((error: Error) => error);
  if (account === 0) process.seteuid!(0);
  expect(String(error)).toMatch(/apt-get needs a password/);
});
