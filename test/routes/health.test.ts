import { EventEmitter, once } from 'node:events';
import express from 'express';
import request from 'supertest';
import { expect, test } from 'vitest';
import { healthRouter } from '../../routes/health.js';

const up = async () => {};
const down = async () => {
  throw new Error('connect ECONNREFUSED 10.1.2.3:5432');
};
const hangs = () => new Promise<void>(() => {});

type Check = () => Promise<void>;

function get(path: string, { redis, postgres = up }: { redis: Check; postgres?: Check }) {
  const health = healthRouter({ needed: { postgres }, reported: { redis }, deadlineMs: 50 });
  return request(express().use(health)).get(path);
}

test('a process that answers is live, whatever state its services are in', async () => {
  const { body, headers } = await get('/live', { redis: down }).expect(200);
  expect(body).toEqual({ status: 'live' });
  expect(headers['cache-control']).toBe('no-store');
});

test('it is ready when every service is up', async () => {
  const { body, headers } = await get('/ready', { redis: up, postgres: up }).expect(200);
  expect(body).toEqual({ status: 'ready', checks: { redis: 'up', postgres: 'up' } });
  expect(headers['cache-control']).toBe('no-store');
});

test('a service that is needed and fails is named in a 503, and its error message is not shown', async () => {
  const { body, headers } = await get('/ready', { redis: up, postgres: down }).expect(503);
  expect(body).toEqual({ status: 'unavailable', checks: { redis: 'up', postgres: 'down' } });
  expect(headers['cache-control']).toBe('no-store');
});

test.each([
  ['fails', down],
  ['hangs', hangs],
])(
  'a service that is reported and %s is shown as down, and takes nobody out of service',
  async (_how, redis) => {
    const { body, headers } = await get('/ready', { redis, postgres: up }).expect(200);
    expect(body).toEqual({ status: 'ready', checks: { redis: 'down', postgres: 'up' } });
    expect(headers['cache-control']).toBe('no-store');
  },
);

test('a service that does not answer within the deadline is down', async () => {
  const { body } = await get('/ready', { redis: up, postgres: hangs }).expect(503);
  expect(body.checks).toEqual({ redis: 'up', postgres: 'down' });
});

test('a check that throws before it has returned a promise is down', async () => {
  const throws = () => {
    throw new Error('not connected');
  };
  const { body } = await get('/ready', { redis: throws, postgres: up }).expect(200);
  expect(body.checks).toEqual({ redis: 'down', postgres: 'up' });
});

test('the services are asked at the same time: two checks that wait for each other both succeed', async () => {
  const asked = new EventEmitter();
  const meet = (own: string, other: string) => async () => {
    const met = once(asked, other);
    await new Promise(setImmediate);
    asked.emit(own);
    await met;
  };
  await get('/ready', { redis: meet('redis', 'postgres'), postgres: meet('postgres', 'redis') }).expect(200);
});
