import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp } from './start-app.js';

let app: Awaited<ReturnType<typeof startApp>>;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

// startApp's clients say Host: sample.test, and the app trusts one proxy.
const FOREIGN: Record<string, string>[] = [
  { 'Sec-Fetch-Site': 'cross-site' },
  { 'Sec-Fetch-Site': 'same-site' },
  { 'Sec-Fetch-Site': 'same-site', Origin: 'http://sample.test' },
  { 'Sec-Fetch-Site': 'same-origin, cross-site' },
  { 'Sec-Fetch-Site': 'same-origin', Origin: 'http://evil.test' },
  { Origin: 'http://evil.test' },
  { Origin: 'http://other.sample.test' },
  { Origin: 'http://sample.test.evil.test' },
  { Origin: 'https://sample.test' },
  { Origin: 'http://sample.test:8080' },
  { Origin: 'null' },
  { Origin: '' },
  { Origin: 'http://sample.test', Host: 'evil test' },
];
const OWN: Record<string, string>[] = [
  {},
  { 'Sec-Fetch-Site': 'same-origin' },
  { 'Sec-Fetch-Site': 'none' },
  { Origin: 'http://sample.test' },
  { Origin: 'http://sample.test', Host: 'sample.test:80' },
  { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://sample.test', 'X-Forwarded-Proto': 'https' },
  { Origin: 'http://front.test', 'X-Forwarded-Host': 'front.test' },
];

test('logging out is refused to a page of another origin, and the session lives on', async () => {
  const { client } = await app.loggedIn();
  for (const headers of FOREIGN) {
    const { status, body } = await client.post('/auth/logout').set(headers);
    expect([headers, status, body.title]).toEqual([headers, 403, 'Forbidden']);
  }
  await client.get('/auth/me').expect(200);
});

test.each(OWN)('logging out with %o is not refused', async (headers) => {
  await app.client().post('/auth/logout').set(headers).expect(204);
});

test('no other change may be asked for by a foreign page either, and reading may', async () => {
  const { client, user } = await app.loggedIn();
  const foreign = { 'Sec-Fetch-Site': 'same-site' };
  for (const path of ['/auth/login', '/auth/logout-everywhere', '/users']) {
    await client.post(path).set(foreign).expect(403);
  }
  await client.delete('/auth/sessions/any').set(foreign).expect(403);
  await client.patch(`/users/${user.id}`).set(foreign).send({ name: 'X' }).expect(403);
  await client.delete(`/users/${user.id}`).set(foreign).expect(403);
  await client.get('/auth/me').set(foreign).expect(200);
});
