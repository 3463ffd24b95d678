import { expect, test } from 'vitest';
import { ipKeyGenerator } from '../../../middleware/rate-limit/client-address.js';

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:23ff::1', '2001:db8:1:2300::/56'],
  ['2001:db8:1:23ff:ffff::9', '2001:db8:1:2300::/56'],
  ['fe80::1%eth0', 'fe80::/56'],
  ['not an address', 'not an address'],
])('%s is the client %s', (ip, key) => {
  expect(ipKeyGenerator(ip)).toBe(key);
});

test('the subnet can be chosen, or switched off', () => {
  expect(ipKeyGenerator('2001:db8:1:23ff::1', 64)).toBe('2001:db8:1:23ff::/64');
  expect(ipKeyGenerator('2001:db8:1:23ff::1', false)).toBe('2001:db8:1:23ff::1');
});
