import { expect, test } from 'vitest';
import { normalisedUrl, purgedUrlTags, urlTag } from '../../../src/tags/url-tags.js';

test.each([
  ['/users/7', '/users/7'],
  ['http://any.example/users/7', '/users/7'],
  ['https://any.example:8443?page=1', '/?page=1'],
  ['http://any.example', '/'],
  ['/users/7#part', '/users/7'],
  ['/login?next=http://any.example/x', '/login?next=http://any.example/x'],
  ['//any.example/x', '//any.example/x'],
])('%s has the path and query %s', (url, expected) => {
  expect(normalisedUrl(url)).toBe(expected);
});

test('characters that need no escape are one with their escapes in tags, and apart in keys', () => {
  expect(urlTag('/users/%37%7e?q=%2f%41')).toBe(urlTag('/users/7~?q=%2FA'));
  expect(urlTag('/a%2fb')).not.toBe(urlTag('/a/b'));
  expect(purgedUrlTags('/users/%37?a=1')).toEqual(purgedUrlTags('/users/7?a=1'));
  expect(normalisedUrl('/users/%37')).not.toBe(normalisedUrl('/users/7'));
});

test.each([
  ['/users/ann%40example.com', '/users/ann@example.com'],
  ['/tags/a%2cb%3A%28c%29', '/tags/a,b:(c)'],
  ['/users/%7b7%7d', '/users/{7}'],
  ['/search?q=a%20b&filter%5Bx%5D=%22y%22', '/search?q=a+b&filter[x]="y"'],
])('%s and %s, which a router reads alike, have one tag', (one, other) => {
  expect(purgedUrlTags(one)).toEqual(purgedUrlTags(other));
  expect(normalisedUrl(one)).not.toBe(normalisedUrl(other));
});

test.each([
  ['/a%2Fb', '/a/b'],
  ['/a%3Fb', '/a?b'],
  ['/a%23b', '/a#b'],
  ['/a%2540', '/a%40'],
  ['/?q=a%2Bb', '/?q=a+b'],
  ['/?q=1%262', '/?q=1&2'],
])('%s and %s have tags of their own', (one, other) => {
  expect(urlTag(one)).not.toBe(urlTag(other));
});

test.each(['page[]=2', '[page]=2', 'page%5Bx%5D=2'])(
  'an allowed parameter counts as %s too, as the extended parser reads it',
  (query) => {
    expect(normalisedUrl(`/?${query}&x=1`, { allow: ['page'] })).toBe(`/?${query}`);
  },
);

test('a path of very many slashes takes no more than linear time', () => {
  const began = performance.now();
  expect(urlTag(`${'/'.repeat(100_000)}x`)).toHaveLength('url:x'.length + 100_000);
  expect(urlTag('/'.repeat(100_000))).toBe('url:/');
  expect(performance.now() - began).toBeLessThan(1_000);
});
