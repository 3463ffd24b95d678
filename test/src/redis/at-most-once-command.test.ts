import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { AtMostOnceCommand } from '../../../src/redis/at-most-once-command.js';
import { linkTo } from '../../../src/redis/link.js';
import { freePort } from '../../../src/testing/free-port.js';
import { everyClient, recordingLogger } from '../../faults/clients.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy.js';
import { startRedis } from '../../support/redis.js';

const PING = '*1\r\n$4\r\nPING\r\n';

async function ownRedis() {
  const server = await startRedis();
  const observer = new Redis(server.url);
  onTestFinished(async () => {
    observer.disconnect();
    await server.stop();
  });
  return { server, observer };
}

test('a command is written once; written again it is a PING, so that replies stay paired', async () => {
  const command = new AtMostOnceCommand('incr', ['k']);
  const failure = expect(command.promise).rejects.toThrow('the connection was lost');
  expect(`${command.toWritable({})}`).toContain('incr');
  expect(`${command.toWritable({})}`).toBe(PING);
  await failure;
});

test('a command that a node redirected may be written again, but not after its caller gave up', async () => {
  const command = new AtMostOnceCommand('incr', ['k']);
  command.reject = () => {};
  command.toWritable({});
  command.reject(new Error('MOVED 42 127.0.0.1:7001'));
  expect(`${command.toWritable({})}`).toContain('incr');
  command.abandon();
  command.reject(new Error('ASK 42 127.0.0.1:7001'));
  expect(`${command.toWritable({})}`).toBe(PING);
});

test('an INCR whose connection is lost before the reply is executed twice by ioredis alone, once through the link', async () => {
  const { server, observer } = await ownRedis();
  const proxy = await startProxy(server.port);
  const client = new Redis(proxy.port, '127.0.0.1', {
    autoResendUnfulfilledCommands: true,
    maxRetriesPerRequest: null,
    retryStrategy: () => 20,
  });
  onTestFinished(async () => {
    client.disconnect();
    await proxy.close();
  });
  const link = linkTo(client, recordingLogger());
  await link.send('ping', [], { timeoutMs: 1_000 });

  const answers = () =>
    link.send('ping', [], { timeoutMs: 500 }).then(
      () => true,
      () => false,
    );
  // Executed, and the answer on its way.
  proxy.delay(200);
  const severAfterExecution = async (key: string) => {
    await eventually(`${key} was executed`, async () => (await observer.get(key)) === '1', { everyMs: 5 });
    proxy.sever();
    proxy.delay(0);
  };
  const plain = client.incr('plain');
  await severAfterExecution('plain');
  expect(await plain).toBe(2);
  await eventually('it answers again', answers);

  proxy.delay(200);
  const single = link.send('incr', ['single'], { timeoutMs: 3_000 });
  await severAfterExecution('single');
  await expect(single).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  await eventually('it answers again', answers);
  expect(await observer.get('single')).toBe('1');
});

test('a command asked while there was no Redis is never executed later, whatever the client', async () => {
  const port = await freePort();
  const clients = everyClient(port);
  onTestFinished(() => {
    for (const { client } of clients) client.disconnect();
  });
  const asked = clients.flatMap(({ client }) =>
    Array.from({ length: 20 }, () => linkTo(client).send('incr', ['late'], { timeoutMs: 100 })),
  );
  for (const outcome of await Promise.allSettled(asked)) expect(outcome.status).toBe('rejected');

  const server = await startRedis({ port });
  onTestFinished(() => server.stop());
  await eventually('all clients are back', async () => {
    const pings = clients.map(({ client }) => linkTo(client).send('ping', [], { timeoutMs: 500 }));
    return (await Promise.allSettled(pings)).every(({ status }) => status === 'fulfilled');
  });
  const observer = new Redis(server.url);
  onTestFinished(() => observer.disconnect());
  expect(await observer.get('late')).toBeNull();
});

test('of the commands asked while Redis was frozen, only those written before the outage may be executed, once', async () => {
  const { server, observer } = await ownRedis();
  const clients = everyClient(server.port);
  onTestFinished(() => {
    for (const { client } of clients) client.disconnect();
  });
  const ask = (key: string) =>
    Promise.allSettled(clients.map(({ client }) => linkTo(client).send('incr', [key], { timeoutMs: 500 })));
  await eventually('all clients are connected', async () =>
    (await ask('warm-up')).every(({ status }) => status === 'fulfilled'),
  );
  server.freeze();
  const inDoubt = await ask('in doubt');
  await eventually('every client knows of the outage', () =>
    clients.every(({ client }) => linkTo(client).outage !== undefined),
  );
  const refused = await ask('refused');
  server.thaw();
  expect([...inDoubt, ...refused].every(({ status }) => status === 'rejected')).toBe(true);
  await eventually('all clients are back', async () =>
    (await ask('back')).every(({ status }) => status === 'fulfilled'),
  );
  expect(Number(await observer.get('in doubt'))).toBeLessThanOrEqual(clients.length);
  expect(await observer.get('refused')).toBeNull();
});

test('a command in a queue of ioredis whose caller gave up is not executed when the queue is sent', async () => {
  const { server, observer } = await ownRedis();
  const client = new Redis(server.url, { maxRetriesPerRequest: null });
  onTestFinished(() => client.disconnect());
  const link = linkTo(client, recordingLogger());
  await link.send('ping', [], { timeoutMs: 500 });
  server.freeze();
  const queued = link.send('incr', ['queued'], { timeoutMs: 100 });
  client.stream.destroy();
  await expect(queued).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  server.thaw();
  await eventually('it answers again', () =>
    link.send('ping', [], { timeoutMs: 500 }).then(
      () => true,
      () => false,
    ),
  );
  expect(await observer.get('queued')).toBeNull();
});
