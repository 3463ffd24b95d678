import { expect, test } from 'vitest';
import { RecentMap } from '../../src/recent-map.js';

const keysOf = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `key ${from + i}`);

function mapOf(keys: readonly string[], size: number) {
  const map = new RecentMap<string>(size);
  for (const key of keys) map.set(key, `value of ${key}`);
  return map;
}

test('a map of recent entries keeps the latest, at least as many as its size', () => {
  for (const count of [1, 99, 100, 101, 150, 199, 200, 1_234]) {
    const map = mapOf(keysOf(0, count), 100);
    for (const key of keysOf(Math.max(0, count - 100), count)) expect(map.get(key)).toBe(`value of ${key}`);
  }
});

test('a map of recent entries never keeps twice as many as its size', () => {
  const keys = keysOf(0, 10_000);
  const map = mapOf(keys, 100);
  expect(keys.filter((key) => map.get(key) !== undefined).length).toBeLessThan(200);
});

test('an entry that is used again and again stays in a map of recent entries', () => {
  const map = mapOf(['used'], 100);
  for (const key of keysOf(0, 10_000)) {
    map.set(key, key);
    expect(map.get('used')).toBe('value of used');
  }
});

test('a deleted entry is gone from both generations of a map of recent entries', () => {
  const map = mapOf(keysOf(0, 150), 100);
  for (const key of ['key 20', 'key 120']) {
    map.delete(key);
    expect(map.get(key)).toBeUndefined();
  }
});

test('an entry that was set again has its new value after the generations have changed', () => {
  const map = mapOf(keysOf(0, 100), 100);
  map.set('key 20', 'new');
  for (const key of keysOf(100, 180)) map.set(key, key);
  expect(map.get('key 20')).toBe('new');
});

test('a map of recent entries says whether it is empty', () => {
  const map = new RecentMap<string>(2);
  expect(map.isEmpty).toBe(true);
  map.set('a', 'a');
  expect(map.isEmpty).toBe(false);
  map.set('b', 'b');
  expect(map.isEmpty).toBe(false);
});
