import { expect, test } from 'vitest';
import { isThenable, whenSettled } from '../../src/settle.js';

// biome-ignore-start lint/suspicious/noThenProperty: promises of other libraries
const thenable = (value: unknown) => ({
  then(resolve: (value: unknown) => void) {
    resolve(value);
    resolve('a second time');
  },
});
const breaking = {
  then() {
    throw new Error('broken');
  },
};
const thenableFunction = Object.assign(() => 1, { then: () => 1 });
const withThenFlag = { then: true };
// biome-ignore-end lint/suspicious/noThenProperty: promises of other libraries

test.each([
  ['a promise', Promise.resolve(1), true],
  ['a thenable object', thenable(1), true],
  ['a function with a then method', thenableFunction, true],
  ['undefined', undefined, false],
  ['null', null, false],
  ['a text', 'then', false],
  ['an object whose then is no function', withThenFlag, false],
])('isThenable of %s', (_, value, expected) => {
  expect(isThenable(value)).toBe(expected);
});

test('whenSettled passes a plain value on in the same tick', () => {
  expect(whenSettled(2, (value) => value * 2)).toBe(4);
});

test('whenSettled awaits a thenable, which counts once however often it calls back', async () => {
  const seen: unknown[] = [];
  const result = whenSettled(thenable('first'), (value) => seen.push(value));
  expect(seen).toEqual([]);
  await result;
  expect(seen).toEqual(['first']);
});

test('whenSettled rejects as its value does, and when a thenable throws', async () => {
  await expect(whenSettled(Promise.reject(new Error('late')), () => 'used')).rejects.toThrow('late');
  await expect(whenSettled(breaking, () => 'used')).rejects.toThrow('broken');
});
