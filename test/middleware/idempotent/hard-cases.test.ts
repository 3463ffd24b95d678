import type express from 'express';
import type { RequestHandler } from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import type { IdempotentOptions } from '../../../middleware/idempotent/options.js';
import { eventually } from '../../support/eventually.js';
import { gate, redisForFile } from '../support/redis-for-file.js';
import { serveOnce as serveOn, statusOf } from './support/serve-once.js';

const file = redisForFile();

async function serveOnce(handler: RequestHandler, options: Partial<IdempotentOptions> = {}) {
  const served = await serveOn(file.redis, handler, options);
  const keys = () => file.redis.keys(`${served.prefix}*`);
  const lose = async () => void (await file.redis.del(...(await keys())));
  return { ...served, keys, lose };
}

const answers: RequestHandler = (_req, res) => void res.status(201).send('made');
const multipart = (boundary: string, ...parts: string[]) => ({
  body: `--${boundary}\r\n${parts.join(`\r\n--${boundary}\r\n`)}\r\n--${boundary}--\r\n`,
  headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
});

test.each([undefined, () => 'all that counts'])(
  'a form that is built anew, with another boundary, is the same request',
  async (fingerprint) => {
    const { post } = await serveOnce(answers, fingerprint ? { fingerprint } : {});
    const [one, two] = [multipart('aaaa', 'x', 'y'), multipart('bb"bb', 'x', 'y')];
    expect(await statusOf(post(one.body, one.headers))).toBe('201');
    const quoted = { 'Content-Type': 'multipart/form-data; boundary="cccc"' };
    expect(await statusOf(post(multipart('cccc', 'x', 'y').body, quoted))).toBe('201 replayed');
    expect(two.body).not.toBe(one.body);
  },
);

test.each([
  ['another part', ['x', 'z']],
  ['parts in another order', ['y', 'x']],
  ['two parts as one', ['x\r\n\r\ny']],
  ['bytes in another part', ['xy', '']],
])('a form with %s is another request', async (_what, parts) => {
  const { post } = await serveOnce(answers);
  const [one, other] = [multipart('aaaa', 'x', 'y'), multipart('aaaa', ...parts)];
  expect(await statusOf(post(one.body, one.headers))).toBe('201');
  expect(await statusOf(post(other.body, other.headers))).toBe('422');
});

test('the same bytes in another coding are another request', async () => {
  const { post } = await serveOnce(answers);
  expect(await statusOf(post('a'))).toBe('201');
  expect(await statusOf(post('a', { 'Content-Encoding': 'gzip' }))).toBe('422');
});

test('when Redis loses its data while the handler runs, the answer is kept all the same', async () => {
  const { post, lose, runs } = await serveOnce(async (_req, res) => {
    await lose();
    res.status(201).send('made');
  });
  expect(await statusOf(post())).toBe('201');
  expect(await statusOf(post())).toBe('201 replayed');
  expect(await statusOf(post('other'))).toBe('422');
  expect(runs()).toBe(1);
});

test('when Redis loses its data while the handler runs, the next renewal brings the lease back', async () => {
  const [running, finish] = [gate(), gate()];
  const { post, lose, keys, runs } = await serveOnce(
    async (req, res) => {
      running.open();
      await finish.passed;
      res.json({ fence: req.idempotency!.fence });
    },
    { leaseMs: 300 },
  );
  const first = post();
  await running.passed;
  await lose();
  await eventually('the lease', async () => (await keys()).length === 1);
  expect(await statusOf(post())).toBe('409');
  expect(await statusOf(post('other'))).toBe('422');
  finish.open();
  expect(await statusOf(first)).toBe('200');
  expect(await statusOf(post())).toBe('200 replayed');
  expect(runs()).toBe(1);
});

test('when Redis loses its data and another attempt takes over, its answer stays', async () => {
  const [running, finish] = [gate(), gate()];
  let count = 0;
  const { post, lose } = await serveOnce(async (_req, res) => {
    count += 1;
    if (count > 1) return void res.send('second');
    running.open();
    await finish.passed;
    res.send('first');
  });
  const first = post();
  await running.passed;
  await lose();
  expect(await (await post()).text()).toBe('second');
  finish.open();
  expect(await (await first).text()).toBe('first');
  expect(await (await post()).text()).toBe('second');
});

test('a handler that never ends holds its key while its client waits, and some leases longer', async () => {
  const running = gate();
  const { post, runs } = await serveOnce(() => running.open(), { leaseMs: 40 });
  const leaving = new AbortController();
  const first = post('a', {}, leaving.signal).catch(() => 'left');
  await running.passed;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await statusOf(post())).toBe('409');
  leaving.abort();
  expect(await first).toBe('left');
  const ask = () =>
    post('a', {}, AbortSignal.timeout(300)).then(
      ({ status }) => status,
      () => 'runs again',
    );
  await eventually('another run', async () => (await ask()) === 'runs again');
  expect(runs()).toBe(2);
});

test('a handler that fails after its first byte is no result', async () => {
  let count = 0;
  const { post } = await serveOnce((_req, res, next) => {
    count += 1;
    if (count > 1) return void res.send('whole');
    res.write('half');
    next(new Error('boom'));
  });
  await expect(post().then((answer) => answer.text())).rejects.toThrow();
  await eventually('the next run', async () => (await post()).status === 200);
  expect(await (await post()).text()).toBe('whole');
  expect(count).toBe(2);
});

test('of a handler that ends twice the first answer is kept', async () => {
  const { post, runs } = await serveOnce((_req, res) => {
    res.status(201).end('first');
    res.end('second');
  });
  expect(await (await post()).text()).toBe('first');
  expect(await (await post()).text()).toBe('first');
  expect(runs()).toBe(1);
});

test.each<[string, (res: express.Response) => void, number]>([
  ['204 without content', (res: express.Response) => void res.status(204).end(), 204],
  ['205', (res: express.Response) => void res.status(205).end(), 205],
  ['an empty 200', (res: express.Response) => void res.end(), 200],
  ['a 303', (res: express.Response) => void res.redirect(303, '/o/1'), 303],
])('%s is replayed as it was', async (_what, answer, status) => {
  const { url } = await serveOnce((_req, res) => answer(res));
  const ask = () => request(url).post('').set('Idempotency-Key', 'k').redirects(0);
  const [first, second] = [await ask(), await ask()];
  expect([first.status, second.status]).toEqual([status, status]);
  expect(second.text).toBe(first.text);
  for (const name of ['content-type', 'location']) expect(second.headers[name]).toBe(first.headers[name]);
  expect(second.headers['idempotency-replayed']).toBe('true');
});

test('trailers and fields of one connection are not replayed', async () => {
  const { post } = await serveOnce((_req, res) => {
    res.set({ Trailer: 'X-Sum', Connection: 'X-Hop', 'X-Hop': '1' }).write('a');
    res.addTrailers({ 'X-Sum': '1' });
    res.end('b');
  });
  await (await post()).text();
  const second = await post();
  expect(await second.text()).toBe('ab');
  expect([second.headers.get('trailer'), second.headers.get('x-hop')]).toEqual([null, null]);
});
