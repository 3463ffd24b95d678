import type { Response } from 'express';
import { decodeList } from 'structured-field-values';
import { expect, test } from 'vitest';
import { setStandardHeaders } from '../../../middleware/rate-limit/headers.js';
import { isFieldString } from '../../../middleware/rate-limit/options.js';
import type { Quota } from '../../../src/limits/quota.js';
import { printedSeed, random } from '../../support/random.js';
import { sized } from '../../support/size.js';

const PRINTABLE = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i));

/** Just what the headers need of a response. */
function headersOf(
  version: 'draft-8' | 'draft-11',
  quotas: readonly Quota[],
  key: string,
): Record<string, string> {
  const sent: Record<string, string> = {};
  const res = {
    getHeader: (name: string) => sent[name],
    setHeader: (name: string, value: string) => {
      sent[name] = value;
    },
  };
  setStandardHeaders(res as unknown as Response, version, quotas, key);
  return sent;
}

interface Member {
  value: unknown;
  params: Record<string, unknown>;
}

test('whatever the names, limits and windows, another parser reads what the draft demands', () => {
  const dice = random(printedSeed('rate-limit headers'));
  for (let round = 0; round < sized({ quick: 2_000, full: 20_000 }); round++) {
    const quotas = Array.from({ length: 1 + dice.below(4) }, (_, i): Quota => {
      const limit = 1 + dice.below(1_000_000_000);
      const used = dice.below(limit + 5);
      return {
        name: `${i}${Array.from({ length: 1 + dice.below(20) }, () => dice.pick(PRINTABLE)).join('')}`,
        limit,
        windowMs: 1 + dice.below(3e10),
        algorithm: 'sliding-window',
        used,
        remaining: Math.max(0, limit - used),
        resetMs: dice.next() * 1e6,
        retryAfterMs: 0,
      };
    });
    const version = dice.pick(['draft-8', 'draft-11'] as const);
    const headers = headersOf(version, quotas, 'naïve key');
    const policies = decodeList(headers['RateLimit-Policy']!) as Member[];
    const limits = decodeList(headers.RateLimit!) as Member[];
    expect(policies.map(({ value }) => value)).toEqual(quotas.map(({ name }) => name));
    expect(limits.map(({ value }) => value)).toEqual(quotas.map(({ name }) => name));
    for (const [i, quota] of quotas.entries()) {
      expect(policies[i]!.params.q).toBe(quota.limit);
      expect(policies[i]!.params.w).toBe(Math.ceil((quota.windowMs * 11) / 10_000));
      expect(policies[i]!.params.pk instanceof Uint8Array).toBe(version === 'draft-8');
      expect(limits[i]!.params.r).toBe(quota.remaining);
      expect(Number.isInteger(limits[i]!.params.t)).toBe(true);
    }
  }
}, 60_000);

test('a name that cannot be a structured-field string is told', () => {
  expect(['default', 'a b', '"quoted\\"'].map(isFieldString)).toEqual([true, true, true]);
  expect(['', 'naïve', 'tab\t', 'new\nline', '\u007f'].map(isFieldString)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});
