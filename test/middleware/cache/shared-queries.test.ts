import express from 'express';
import { expect, test } from 'vitest';
import { cacheResponse } from '../../../middleware/cache/cache-response.js';
import { eventually } from '../../support/eventually.js';
import { quiet, redisForFile, serve } from '../support/redis-for-file.js';
import { ask as askServer } from './support/cache-client.js';

const file = redisForFile();
const ask = (url: string, path: string) => askServer(url, path, { headers: { host: 'site.example' } });

// Each `cacheResponse` remembers for itself, as each process does.
async function serveProcesses(prefix: string) {
  let runs = 0;
  const start = () => {
    const app = express();
    const cache = cacheResponse({ redis: file.redis, logger: quiet, prefix, timeoutMs: 2_000 });
    app.get(/.*/, cache, (req, res) => {
      runs += 1;
      res.set({ 'Cache-Control': 'max-age=60', 'No-Vary-Search': 'params=("utm")' });
      res.send(String(req.query.a));
    });
    return serve(app);
  };
  return { start, runs: () => runs };
}

test('what No-Vary-Search said is not known to a fresh process: one miss for a path, and no wrong answer', async () => {
  const { start, runs } = await serveProcesses('fresh:');
  const [one, other] = [await start(), await start()];
  await ask(one, '/p?a=1&utm=1');
  await eventually('a hit', async () => (await ask(one, '/p?a=1&utm=2')).hit);
  const before = runs();
  expect(await ask(other, '/p?a=1&utm=3')).toMatchObject({ hit: false, body: Buffer.from('1') });
  await eventually('a hit', async () => (await ask(other, '/p?a=1&utm=4')).hit);
  expect(await ask(other, '/p?a=2&utm=4')).toMatchObject({ hit: false, body: Buffer.from('2') });
  await eventually('a hit', async () => (await ask(other, '/p?a=2&utm=5')).hit);
  const after = runs();
  expect(await ask(one, '/p?a=2&utm=6')).toMatchObject({ hit: true, body: Buffer.from('2') });
  expect([after > before, runs()]).toEqual([true, after]);
});
