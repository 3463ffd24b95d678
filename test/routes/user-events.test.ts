import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import express, { type RequestHandler } from 'express';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { closeRedis, connectRedis } from '../../index.js';
import { problemHandler } from '../../routes/problem.js';
import { type StreamUserEventsOptions, streamUserEvents } from '../../routes/stream-user-events.js';
import { createLogger } from '../../server/logging.js';
import { createUserEvents } from '../../server/user-events.js';
import { subscriberConnectionOf } from '../../src/subscriptions/subscriber-connection.js';
import { eventually } from '../support/eventually.js';
import { gate } from '../support/gate.js';
import { startApp } from './start-app.js';

type App = Awaited<ReturnType<typeof startApp>>;
let app: App;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

/** A stream of server-sent events, and what it has brought so far. */
async function listenAt(url: string, headers: Record<string, string> = {}) {
  const leaving = new AbortController();
  const response = await fetch(url, { signal: leaving.signal, headers });
  const stream = { response, text: '', ended: false, leave: () => leaving.abort() };
  onTestFinished(stream.leave);
  const read = async () => {
    for await (const chunk of response.body!) stream.text += Buffer.from(chunk).toString();
  };
  void read()
    .catch(() => {})
    .finally(() => {
      stream.ended = true;
    });
  await eventually('it listens', () => stream.text.includes(': listening') || response.status !== 200);
  return stream;
}

const eventsOf = ({ text }: { text: string }) =>
  text.split('\n\n').filter((block) => block.startsWith('event:'));

test('changes of users are told to the clients of every instance, in order, and tell no personal data', async () => {
  const streams = await Promise.all([app.url, app.urlOfSecond].map((url) => listenAt(`${url}/users/events`)));
  expect(streams[0]!.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  expect(streams[0]!.response.headers.get('cache-control')).toBe('no-store');
  const signUp = { email: 'events@example.com', name: 'Before', password: 'correct horse battery' };
  const { body: user } = await app.client().post('/users').send(signUp).expect(201);
  const { client } = await app.loggedIn(signUp.email, signUp.password);
  await client.patch(`/users/${user.id}`).send({ name: 'After' }).expect(200);
  await client.delete(`/users/${user.id}`).expect(204);
  for (const stream of streams) {
    await eventually('all have arrived', () => eventsOf(stream).length === 3);
    expect(eventsOf(stream)).toEqual(
      ['created', 'changed', 'deleted'].map((type) => `event: ${type}\ndata: {"id":"${user.id}"}`),
    );
  }
});

test('a client that was told of a change reads the new value', async () => {
  const { client, user } = await app.loggedIn();
  const stream = await listenAt(`${app.urlOfSecond}/users/events`);
  for (let i = 0; i < 5; i++) {
    await app.client().get(`/users/${user.id}`).expect(200);
    const patch = client
      .patch(`/users/${user.id}`)
      .send({ name: `Name ${i}` })
      .expect(200);
    // A request of supertest begins when it is asked for its answer.
    const change = patch.then(() => undefined);
    const told = eventually('the change is told', () => eventsOf(stream).length === i + 1, { everyMs: 1 });
    const read = told.then(() => app.clientOfSecond().get(`/users/${user.id}`));
    expect((await read).body.name).toBe(`Name ${i}`);
    await change;
  }
});

test('HEAD is answered at once', async () => {
  const { headers } = await app.client().head('/users/events').expect(200);
  expect(headers['content-type']).toContain('text/event-stream');
});

async function serveStream(
  options: Omit<StreamUserEventsOptions, 'events'>,
  limit: RequestHandler = (_req, _res, next) => next(),
) {
  const redis = connectRedis(inject('redisUrl'));
  const events = createUserEvents(redis, createLogger('fatal', { write() {} }));
  const server = express()
    .set('trust proxy', true)
    .get('/events', limit, streamUserEvents({ events, ...options }))
    .use(problemHandler)
    .listen(0);
  await once(server, 'listening');
  onTestFinished(async () => {
    events.close();
    server.closeAllConnections();
    server.close();
    await closeRedis(redis);
  });
  return { events, redis, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events` };
}

test('comments keep a quiet stream alive', async () => {
  const { url } = await serveStream({ keepAliveMs: 20 });
  const stream = await listenAt(url);
  await eventually('two have come', () => stream.text.split(': keep-alive\n\n').length > 2);
});

test('a client too many is refused, until one has gone', async () => {
  const { url } = await serveStream({ maxClients: 2 });
  const [first] = await Promise.all([listenAt(url), listenAt(url)]);
  const refused = await listenAt(url);
  expect(refused.response.status).toBe(503);
  expect(refused.response.headers.get('retry-after')).toBe('10');
  first.leave();
  await eventually('there is room', async () => (await listenAt(url)).response.status === 200);
});

test('an address that holds its share of the streams is refused, until one has gone, and others are served', async () => {
  const { url } = await serveStream({ maxPerAddress: 2 });
  const from = (address: string) => listenAt(url, { 'X-Forwarded-For': address });
  const [first] = await Promise.all([from('10.0.0.1'), from('10.0.0.1')]);
  const refused = await from('10.0.0.1');
  expect(refused.response.status).toBe(429);
  expect(refused.response.headers.get('retry-after')).toBe('10');
  // Of IPv6, a provider hands one customer a whole /56.
  const statuses = ['2001:db8::1', '2001:db8::2', '2001:db8:0:ff::3', '2001:db8:1::1', '10.0.0.2'].map(
    async (address) => (await from(address)).response.status,
  );
  expect((await Promise.all(statuses)).sort()).toEqual([200, 200, 200, 200, 429]);
  first.leave();
  await eventually('there is room', async () => (await from('10.0.0.1')).response.status === 200);
});

test('by default one address gets 10 of the streams, and all the others get theirs', async () => {
  const { url } = await serveStream({});
  const statuses = async (address: string, count: number) => {
    const streams = Array.from({ length: count }, () => listenAt(url, { 'X-Forwarded-For': address }));
    return (await Promise.all(streams)).map(({ response }) => response.status);
  };
  expect((await statuses('10.0.0.1', 30)).filter((status) => status === 200)).toHaveLength(10);
  expect(await statuses('10.0.0.2', 10)).toEqual(Array.from({ length: 10 }, () => 200));
});

test('a client that goes while its limit is looked up leaves its place to others', async () => {
  const asked = gate();
  const answered = gate();
  const left = gate();
  const slowLimit: RequestHandler = (_req, res, next) => {
    asked.open();
    res.once('close', () => left.open());
    void answered.passed.then(() => next());
  };
  const { url } = await serveStream({ maxClients: 1 }, slowLimit);
  const { port } = new URL(url);
  const impatient = connect(Number(port), '127.0.0.1');
  impatient.on('error', () => {});
  impatient.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await asked.passed;
  impatient.resetAndDestroy();
  await left.passed;
  answered.open();
  expect((await listenAt(url)).response.status).toBe(200);
});

test('closing ends the streams, also of those who come now', async () => {
  const { events, url } = await serveStream({});
  const stream = await listenAt(url);
  events.close();
  await eventually('it has ended', () => stream.ended);
  const late = await listenAt(url);
  expect(late.response.status).toBe(200);
  await eventually('it has ended too', () => late.ended);
});

test('a burst that a client reads at once is no reason to end its stream', async () => {
  const { redis, url } = await serveStream({});
  const stream = await listenAt(url);
  const burst = redis.pipeline();
  for (let id = 0; id < 900; id++)
    burst.publish('user-events', JSON.stringify({ type: 'changed', id: `${id}` }));
  await burst.exec();
  await eventually('all have arrived', () => eventsOf(stream).length === 900 || stream.ended);
  expect(eventsOf(stream).at(-1)).toBe('event: changed\ndata: {"id":"899"}');
});

test('a client that takes nothing of what it was sent makes room for another', async () => {
  const { events, url } = await serveStream({ maxClients: 1, stalledMs: 200 });
  const { port } = new URL(url);
  const stalled = connect(Number(port), '127.0.0.1').pause();
  stalled.on('error', () => {});
  onTestFinished(() => void stalled.destroy());
  stalled.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await eventually('it has the only place', async () => (await listenAt(url)).response.status === 503);
  await eventually('there is room', async () => {
    // More than the kernel keeps for it.
    await Promise.all(
      Array.from({ length: 100 }, () => events.tell({ type: 'changed', id: 'x'.repeat(60_000) })),
    );
    return (await listenAt(url)).response.status === 200;
  });
});

test('a gap is told to the clients', async () => {
  const { events, redis, url } = await serveStream({});
  const stream = await listenAt(url);
  await redis.call('CLIENT', 'KILL', 'ID', String(subscriberConnectionOf(redis).clientId()));
  await eventually('it is told', () => eventsOf(stream).includes('event: gap\ndata: {}'));
  await events.tell({ type: 'changed', id: '7' });
  await eventually('the next event arrives', () => stream.text.includes('event: changed'));
});
