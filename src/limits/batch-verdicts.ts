import type { Policy, Quota, QuotaVerdict } from './quota.js';

const HEAD_NUMBERS = 1;
const NUMBERS_PER_POLICY = 4;

/** What the script adds to the salt of a state that has a tally. */
export const TALLY = 65_536;

/** The reply of `consume-quota.lua`. */
export type ConsumeReply = readonly (number | string)[];

/** Requests of one client that one script call decides, in the order in which they came. */
export interface Batch {
  readonly policies: readonly Policy[];
  readonly cost: number;
  size: number;
  readonly reply: Promise<ConsumeReply>;
}

/** The verdict on the nth request of a batch, as if the requests had been decided one after the other. */
export function parseVerdict(
  { policies, cost, size }: Batch,
  answer: ConsumeReply,
  nth: number,
): QuotaVerdict {
  // A client with `stringNumbers` gives numbers as strings.
  const reply = (typeof answer[0] === 'number' ? answer : answer.map(Number)) as readonly number[];
  const firstOf = (index: number) => HEAD_NUMBERS + index * NUMBERS_PER_POLICY;
  const refusal = firstOf(policies.length);
  const admittedOfBatch = reply[refusal] ?? size;
  const admitted = nth <= admittedOfBatch;
  const blockedMs = admitted ? 0 : reply[refusal + 1]!;
  // The script has also charged the requests that came later and were admitted.
  const chargedLater = admitted ? (admittedOfBatch - nth) * cost : 0;
  const quotaOf = ({ name, limit, windowMs, algorithm }: Policy, index: number): Quota => {
    const used = reply[firstOf(index)]! - chargedLater;
    const resetMs = reply[firstOf(index) + 1]!;
    const waitMs = admitted ? 0 : reply[refusal + 2 + index]!;
    return {
      name,
      limit,
      windowMs,
      algorithm,
      used,
      // A blocked client has nothing left of any quota until the block ends.
      remaining: blockedMs > 0 ? 0 : Math.max(0, limit - used),
      resetMs: Math.max(resetMs, blockedMs),
      retryAfterMs: waitMs < 0 ? Number.POSITIVE_INFINITY : Math.max(waitMs, blockedMs),
    };
  };
  return {
    admitted,
    at: reply[0]!,
    blockedMs,
    quotas: policies.map(quotaOf),
    charges: policies.map((_, index) => ({
      bucket: reply[firstOf(index) + 2]!,
      salt: reply[firstOf(index) + 3]! % TALLY,
    })),
  };
}
