import { randomBytes } from 'node:crypto';
import { Command } from 'ioredis';
import { expect, test } from 'vitest';
import { keys, safeId } from '../../src/keys.js';
import { sized } from '../support/size.js';

const SEED = Number(process.env.TEST_SEED ?? randomBytes(4).readUInt32BE());
const ALPHABET = [
  'a',
  'B',
  '7',
  ':',
  '{',
  '}',
  '%',
  '7B',
  '%7B',
  ' ',
  '\n',
  '\0',
  '/',
  'é',
  '💡',
  'x'.repeat(90),
];

/** mulberry32: small, and the same from the same seed everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const slotOf = (key: string) => new Command('get', [key]).getSlot();

test('keys are "entity:id" behind the prefix', () => {
  expect(keys().rate('1.2.3.4', 'login')).toBe('rate:{1.2.3.4}:login');
  expect(keys('shop:').tag('user:7')).toBe('shop:tag:user:7');
  expect(keys('shop:').session('ab12')).toBe('shop:session:ab12');
  expect(keys().userSessions('7')).toBe('user-sessions:7');
  expect(keys().cache('GET:/users')).toBe('cache:GET:/users');
});

test(`no two ids have the same key (TEST_SEED=${SEED})`, () => {
  const random = randomFrom(SEED);
  const pick = () => ALPHABET[Math.floor(random() * ALPHABET.length)]!;
  const idOf = new Map<string, string>();
  for (let i = 0; i < sized({ quick: 50_000, full: 1_000_000 }); i++) {
    const id = Array.from({ length: Math.floor(random() * 6) }, pick).join('');
    const key = safeId(id);
    if ((idOf.get(key) ?? id) !== id) expect.fail(`${JSON.stringify([idOf.get(key), id])} are both ${key}`);
    if (key.length > 200 || /[{}\s\p{Cc}]/u.test(key)) expect.fail(`${JSON.stringify(id)} is ${key}`);
    idOf.set(key, id);
  }
});

test("an id that is the text of a long id's hash does not reach the long id's key", () => {
  const long = 'x'.repeat(300);
  expect(safeId(safeId(long))).not.toBe(safeId(long));
});

test('an id with half of a surrogate pair has its own key', () => {
  expect(new Set(['\ud83d', '\udca1', '\ufffd', '\ud83d\udca1'].map(safeId)).size).toBe(4);
});

test(`all policies of a client live in one Cluster slot, whatever its name (TEST_SEED=${SEED})`, () => {
  const random = randomFrom(SEED + 1);
  for (let i = 0; i < 2_000; i++) {
    const client = Array.from({ length: 4 }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]!).join(
      '',
    );
    const slots = ['burst', 'hourly', '{other}'].map((policy) => slotOf(keys().rate(client, policy)));
    expect(new Set(slots).size).toBe(1);
  }
});

test('a client cannot choose its hash slot, nor the policy that it is charged to', () => {
  expect(slotOf(keys().rate('{victim}', 'p'))).not.toBe(slotOf(keys().rate('victim', 'p')));
  expect(keys().rate('a}:login', 'x')).not.toBe(keys().rate('a', 'login:x'));
  expect(slotOf(keys().tag('{victim}'))).toBe(slotOf('tag:%7Bvictim%7D'));
});
