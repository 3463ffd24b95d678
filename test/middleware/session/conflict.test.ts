import { expect, test } from 'vitest';
import type { SessionConflict } from '../../../middleware/session/conflict.js';
import type { SessionOptions } from '../../../middleware/session/options.js';
import { forwards } from '../../support/forwards.js';
import { gate, redisForFile } from '../support/redis-for-file.js';
import { data, serveSessions } from './support/session-client.js';

const file = redisForFile();

/** Two requests load the same session, and the first saves before the second. */
async function conflict(onConflict: SessionOptions['onConflict'], first: string, second: string) {
  const [loaded, saved] = [gate(), gate()];
  const options = onConflict === undefined ? {} : { onConflict };
  const { client } = await serveSessions({ redis: file.redis, ...options }, (app) => {
    app.get('/start', (req, res) => {
      Object.assign(data(req), { cart: ['book'], theme: 'dark' });
      res.end();
    });
    app.get(
      '/change',
      forwards(async (req, res) => {
        Object.keys(req.session);
        if (req.query.slow) {
          loaded.open();
          await saved.passed;
        }
        const { set, add, drop } = req.query as Record<string, string | undefined>;
        if (add) data(req).cart = [...(data(req).cart ?? []), add];
        if (drop) delete data(req)[drop];
        if (set) data(req).theme = set;
        await req.session.save();
        res.json({ cart: data(req).cart ?? null, theme: data(req).theme ?? null });
      }),
    );
    app.get('/show', (req, res) => res.json({ ...data(req), cookie: undefined }));
  });
  const one = client();
  await one.get('/start');
  const slow = one.get(`/change?slow=1&${second}`);
  await loaded.passed;
  await one.get(`/change?${first}`);
  saved.open();
  const { status, text } = await slow;
  return { status, answer: JSON.parse(text), stored: JSON.parse((await one.get('/show')).text) };
}

test('by default the last request to save a property wins', async () => {
  const { stored } = await conflict(undefined, 'add=pen', 'add=cup');
  expect(stored).toEqual({ cart: ['book', 'cup'], theme: 'dark' });
});

test('onConflict: fail answers 409 and keeps the value that the other request stored', async () => {
  for (const second of ['add=cup', 'drop=cart']) {
    const { status, answer, stored } = await conflict('fail', 'add=pen', second);
    expect({ status, answer }).toEqual({ status: 409, answer: { error: 'SESSION_CONFLICT' } });
    expect(stored).toEqual({ cart: ['book', 'pen'], theme: 'dark' });
  }
});

test.each([
  ['different properties', 'add=pen', 'set=light', { cart: ['book', 'pen'], theme: 'light' }],
  ['both delete the same property', 'drop=cart', 'drop=cart', { theme: 'dark' }],
])('requests do not conflict when they make these changes: %s', async (_what, first, second, expected) => {
  const { status, stored } = await conflict('fail', first, second);
  expect({ status, stored }).toEqual({ status: 200, stored: expected });
});

test('an onConflict function receives all three values, and the session holds the value it returns', async () => {
  const seen: object[] = [];
  const { answer, stored } = await conflict(
    (conflict) => {
      seen.push(conflict);
      return [...new Set([...(conflict.theirs as string[]), ...(conflict.ours as string[])])];
    },
    'add=pen',
    'add=cup',
  );
  expect(seen).toEqual([
    { property: 'cart', before: ['book'], theirs: ['book', 'pen'], ours: ['book', 'cup'] },
  ]);
  expect(stored.cart).toEqual(['book', 'pen', 'cup']);
  expect(answer.cart).toEqual(['book', 'pen', 'cup']);
});

test('two requests that write the same value also conflict, because both may have incremented it', async () => {
  const both = ({ theirs, ours }: SessionConflict) => [...(theirs as string[]), (ours as string[]).at(-1)];
  const { stored } = await conflict(both, 'add=pen', 'add=pen');
  expect(stored.cart).toEqual(['book', 'pen', 'pen']);
});

test('an onConflict function receives undefined for a deleted property, and returning undefined deletes it', async () => {
  const theirs = await conflict(({ theirs }) => theirs, 'drop=cart', 'add=cup');
  expect(theirs.stored).toEqual({ theme: 'dark' });
  const ours = await conflict(({ ours }) => ours, 'add=pen', 'drop=cart');
  expect(ours.stored).toEqual({ theme: 'dark' });
});

test.each([
  ['NaN', Number.NaN],
  ['a Map', new Map([['a', 1]])],
  ['a promise inside', { later: Promise.resolve(1) }],
  ['a BigInt inside', { count: 7n }],
])('an onConflict function that returns %s is refused, and both values stay', async (_, value) => {
  const { status, stored } = await conflict(() => value, 'add=pen', 'add=cup');
  expect([status, stored.cart]).toEqual([500, ['book', 'pen']]);
});

test('an onConflict function that adds differences loses none of eight parallel increments', async () => {
  const merge: SessionOptions['onConflict'] = ({ before, theirs, ours }) =>
    (theirs as number) + (ours as number) - (before as number);
  const { client } = await serveSessions({ redis: file.redis, onConflict: merge }, (app) => {
    app.get('/add', (req, res) => {
      data(req).n = (data(req).n ?? 0) + 1;
      res.json(data(req).n);
    });
    app.get('/show', (req, res) => res.json(data(req).n));
  });
  const one = client();
  await one.get('/add');
  await Promise.all(Array.from({ length: 8 }, () => one.get('/add')));
  expect((await one.get('/show')).text).toBe('9');
});

test.each<[string, (value: unknown) => unknown]>([
  ['a promise', (value) => Promise.resolve(value)],
  // biome-ignore lint/suspicious/noThenProperty: a promise of another library
  ['a thenable', (value) => ({ then: (resolve: (value: unknown) => void) => resolve(value) })],
  ['a promise that settles later', (value) => new Promise((resolve) => setImmediate(resolve, value))],
])('an onConflict function may return %s', async (_what, wrap) => {
  const { status, stored } = await conflict(
    ({ theirs, ours }) => wrap([...(theirs as string[]), (ours as string[]).at(-1)]),
    'add=pen',
    'add=cup',
  );
  expect(status).toBe(200);
  expect(stored.cart).toEqual(['book', 'pen', 'cup']);
});

test.each<[string, () => unknown, string]>([
  [
    'throws',
    () => {
      throw new Error('broken');
    },
    'broken',
  ],
  ['rejects', () => Promise.reject(new Error('broken')), 'broken'],
  ['returns a function', () => () => 1, 'OPTION_INVALID'],
  ['returns a symbol', () => Symbol('s'), 'OPTION_INVALID'],
  ['returns a bigint', () => 1n, 'OPTION_INVALID'],
  ['resolves to a function', async () => () => 1, 'OPTION_INVALID'],
])(
  'an onConflict function that %s fails the request and keeps the stored value',
  async (_what, merge, error) => {
    const { status, answer, stored } = await conflict(merge, 'add=pen', 'add=cup');
    expect({ status, answer }).toEqual({ status: 500, answer: { error } });
    expect(stored).toEqual({ cart: ['book', 'pen'], theme: 'dark' });
  },
);

test('a property that the handler changes while onConflict is pending is resolved again', async () => {
  const seen: unknown[] = [];
  const [asked, changed] = [gate(), gate()];
  const [loaded, saved] = [gate(), gate()];
  const merge: SessionOptions['onConflict'] = async ({ before, theirs, ours }) => {
    seen.push([before, theirs, ours]);
    asked.open();
    await changed.passed;
    return (theirs as number) + (ours as number) - (before as number);
  };
  const { client } = await serveSessions({ redis: file.redis, onConflict: merge }, (app) => {
    app.get('/add', (req, res) => {
      data(req).n = (data(req).n ?? 0) + 1;
      res.end();
    });
    app.get(
      '/slow',
      forwards(async (req, res) => {
        data(req).n += 10;
        loaded.open();
        await saved.passed;
        const saving = req.session.save();
        await asked.passed;
        data(req).n += 100;
        changed.open();
        await saving;
        res.json(data(req).n);
      }),
    );
    app.get('/show', (req, res) => void res.json(data(req).n));
  });
  const one = client();
  await one.get('/add');
  const slow = one.get('/slow');
  await loaded.passed;
  await one.get('/add');
  saved.open();
  expect((await slow).text).toBe('112');
  expect((await one.get('/show')).text).toBe('112');
  expect(seen).toEqual([
    [1, 2, 11],
    [1, 2, 111],
  ]);
});
