import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { docsPages } from '../../scripts/docs-pages.js';
import { freePort } from '../../src/testing/free-port.js';
import { eventually } from '../support/eventually.js';
import { launch } from '../support/processes.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { type BlocksProject, createBlocksProject } from './support/blocks-project.js';

const page = docsPages().find(({ path }) => path === 'docs/guides/recipes.md')!.text;
let redis: TestRedis;
let project: BlocksProject;
beforeAll(async () => {
  redis = await startRedis();
  project = await createBlocksProject([
    { file: 'slow.ts', source: programUnder('Slow down before you refuse') },
    { file: 'login.ts', source: programUnder('Limit password guessing') },
    { file: 'change.ts', source: programUnder('Change a limit while it runs') },
  ]);
});
afterAll(async () => {
  await project.remove();
  await redis.stop();
});

function programUnder(heading: string): string {
  const section = page.split(`\n## ${heading}\n`)[1];
  return /```ts\n(.*?)```/s.exec(section ?? '')![1]!;
}

async function start(file: string): Promise<string> {
  const port = await freePort();
  const path = join(project.directory, file);
  const env = {
    PORT: String(port),
    REDIS_URL: redis.url,
    TSX_TSCONFIG_PATH: join(project.directory, 'tsconfig.json'),
  };
  const child = launch(path, { env });
  onTestFinished(() => child.kill());
  const url = `http://127.0.0.1:${port}`;
  await eventually(`${file} to listen`, async () => (await fetch(url).catch(() => undefined)) !== undefined, {
    withinMs: 15_000,
  });
  return url;
}

test('the recipe of a slow-down delays by what a client has used, and refuses at the limit', async () => {
  const url = await start('slow.ts');
  const took: number[] = [];
  for (let i = 0; i < 9; i++) {
    const beganAt = performance.now();
    expect((await fetch(`${url}/search`)).status).toBe(200);
    took.push(performance.now() - beganAt);
  }
  // The sixth waits 100 ms, the ninth 400. A timer may fire a millisecond early.
  expect(took[5]).toBeGreaterThan(98);
  expect(took[8]).toBeGreaterThan(398);
  expect(Math.min(...took.slice(0, 5))).toBeLessThan(98);
});

test('the recipe of a login charges both limits or none, and forgives at a success', async () => {
  const url = await start('login.ts');
  const login = async (email: string, password: string) => {
    const answer = await fetch(`${url}/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ email, password }),
    });
    return answer.status;
  };
  for (let i = 0; i < 10; i++) expect(await login('ann@example.com', 'wrong')).toBe(401);
  // The account is closed. Whatever comes now is given back to the address.
  for (let i = 0; i < 30; i++) expect(await login(' ANN@example.com', 'correct horse')).toBe(429);
  expect(await login('bob@example.com', 'wrong')).toBe(401);
  expect(await login('bob@example.com', 'correct horse')).toBe(204);
  // Forgiven: ten more may fail, of which the address has nine left.
  for (let i = 0; i < 9; i++) expect(await login('bob@example.com', 'wrong')).toBe(401);
  expect(await login('bob@example.com', 'wrong')).toBe(429);
});

test('the recipe of a changed limit has effect in all processes within a second', async () => {
  const urls = await Promise.all([start('change.ts'), start('change.ts')]);
  const limitAt = async (url: string) =>
    /q=(\d+)/.exec((await fetch(`${url}/items`)).headers.get('ratelimit-policy')!)?.[1];
  expect(await Promise.all(urls.map(limitAt))).toEqual(['100', '100']);
  const { Redis } = await import('ioredis');
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  await client.set('limits:api', '500');
  await eventually(
    'the new limit',
    async () => (await Promise.all(urls.map(limitAt))).every((limit) => limit === '500'),
    {
      withinMs: 1_000,
    },
  );
});
