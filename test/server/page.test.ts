import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeRedis, connectRedis, type RedisClient, rateLimit } from '../../index.js';
import { CommandLog } from '../../server/command-log.js';
import { pageRouter } from '../../server/page.js';
import { beginMutation } from '../../src/tags/mutation.js';
import { tagVersions } from '../../src/tags/tag-versions.js';
import { quiet } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { startRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let redis: RedisClient;
let other: RedisClient;
let log: CommandLog;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis({ url: server.url, logger: quiet });
  other = connectRedis({ url: server.url, logger: quiet });
  log = new CommandLog(redis, server.url);
});
afterAll(async () => {
  log.close();
  await Promise.all([closeRedis(redis), closeRedis(other)]);
  await server.stop();
});

async function servePage(commands: Pick<CommandLog, 'since'> = log) {
  const app = express().use(pageRouter(commands));
  const http = app.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const get = async (path: string, host = 'localhost') => {
    const asking = request({ port, path, host: '127.0.0.1', headers: { host }, agent: false }).end();
    const [response] = await once(asking, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode as number, headers: response.headers, text };
  };
  return { get, close: () => http.close() };
}

const monitors = async () => String(await other.call('CLIENT', 'LIST')).match(/cmd=monitor/g)?.length ?? 0;

test('every file of the page has a policy that allows scripts and styles of this server alone', async () => {
  const page = await servePage();
  const { text } = await page.get('/');
  const files = [...text.matchAll(/(?:href|src)="([^"#]+)"/g)].map(([, file]) => `/${file}`);
  expect(files).toHaveLength(3);
  for (const path of ['/', ...files, '/answer.js']) {
    const { status, headers } = await page.get(path);
    expect([path, status]).toEqual([path, 200]);
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; /);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  }
  // Nothing that the policy would refuse.
  expect(text).not.toMatch(/<style|\son\w+=|style="|<script(?! type="module" src="page\.js")/);
  page.close();
});

test('the commands are those of this process since the number, with names of scripts and without values', async () => {
  const { next } = await log.since(0);
  await redis.set('user:7', 'a secret value', 'PX', 60_000);
  await other.set('user:8', 'of another process');
  await redis.mget(`session:${'ab'.repeat(32)}`, 'tag:user:7');
  await rateLimit({ redis, logger: quiet, windowMs: 60_000, limit: 5 }).peek('somebody');
  const limiter = rateLimit({ redis, logger: quiet, windowMs: 60_000, limit: 5 });
  await limiter.penalty('somebody');
  const seen = await log.since(next);
  expect(seen.commands.slice(0, 2)).toEqual(['SET user:7 …', 'MGET session:abababab… tag:user:7']);
  expect(seen.commands.join('\n')).toMatch(/^EVALSHA adjust-quota rate:\{somebody\}/m);
  expect(seen.commands.join('\n')).toMatch(/^EVAL adjust-quota rate:\{somebody\}/m);
  // That of the script which sets marks differs from the digest of its file.
  await beginMutation(tagVersions(redis, { prefix: '', timeoutMs: 1_000 }), ['users']).then((it) =>
    it.finish(),
  );
  const { commands } = await log.since(seen.next);
  expect(commands).toEqual(
    expect.arrayContaining(['EVALSHA mark-tag tag:users …', 'EVALSHA refresh-tag tag:users …']),
  );
  expect(seen.commands.join('\n')).not.toMatch(/secret|user:8|ECHO/);
});

test('Redis is monitored only once somebody asks, and not after the log is closed', async () => {
  log.close();
  await eventually('nobody monitors', async () => (await monitors()) === 0);
  const page = await servePage();
  await page.get('/');
  expect(await monitors()).toBe(0);
  await Promise.all([page.get('/page/commands'), page.get('/page/commands?since=x')]);
  expect(await monitors()).toBe(1);
  log.close();
  await eventually('nobody monitors', async () => (await monitors()) === 0);
  page.close();
});

test('the commands are given to a browser on this machine only', async () => {
  const page = await servePage({ since: async () => ({ next: 1, commands: ['GET user:7'] }) });
  for (const host of ['localhost', 'localhost:3000', '127.0.0.1:3000', '[::1]:3000']) {
    const { status, headers } = await page.get('/page/commands', host);
    expect([host, status, headers['cache-control']]).toEqual([host, 200, 'no-store']);
  }
  // A page of this name reads what an attacker's DNS lets it read.
  for (const host of ['rebound.example', 'rebound.example:3000', 'localhost.example']) {
    const { status, text } = await page.get('/page/commands', host);
    expect([host, status]).toEqual([host, 404]);
    expect(text).not.toContain('user:7');
  }
  page.close();
});

test('after an outage of Redis the commands are seen again', async () => {
  await log.since(0);
  await server.restart();
  await eventually(
    'the log works again',
    () =>
      log.since(0).then(
        () => true,
        () => false,
      ),
    { withinMs: 10_000 },
  );
  const { next } = await log.since(0);
  await redis.get('user:7');
  expect((await log.since(next)).commands).toEqual(['GET user:7']);
});
