import type { Policy, Verdict } from './quota.js';

const HEAD_NUMBERS = 1;
const NUMBERS_PER_POLICY = 4;

/** What `consume-quota.lua` returns. */
export type Reply = readonly (number | string)[];

/** Requests of one client that are decided together, in the order in which they came. */
export interface Batch {
  readonly policies: readonly Policy[];
  readonly cost: number;
  size: number;
  readonly reply: Promise<Reply>;
}

/** The verdict on one of the batch, as if they had been decided one after the other. */
export function parseVerdict({ policies, cost, size }: Batch, answer: Reply, nth: number): Verdict {
  // Numbers arrive as strings at a client with `stringNumbers`.
  const reply = (typeof answer[0] === 'number' ? answer : answer.map(Number)) as readonly number[];
  const refusal = HEAD_NUMBERS + policies.length * NUMBERS_PER_POLICY;
  const admittedOfBatch = reply[refusal] ?? size;
  const admitted = nth <= admittedOfBatch;
  const blockedMs = admitted ? 0 : reply[refusal + 1]!;
  // Those that came after it and were admitted have been charged too.
  const chargedLater = admitted ? (admittedOfBatch - nth) * cost : 0;
  return {
    admitted,
    at: reply[0]!,
    blockedMs,
    quotas: policies.map((policy, index) => {
      const first = HEAD_NUMBERS + index * NUMBERS_PER_POLICY;
      const [used, resetMs] = [reply[first]! - chargedLater, reply[first + 1]!];
      const waitMs = admitted ? 0 : reply[refusal + 2 + index]!;
      const { name, limit, windowMs, algorithm, countedAs } = policy;
      return {
        name,
        limit,
        windowMs,
        algorithm,
        ...(countedAs !== undefined && { countedAs }),
        used,
        // A blocked client has nothing left of any quota until the block ends.
        remaining: blockedMs > 0 ? 0 : Math.max(0, limit - used),
        resetMs: Math.max(resetMs, blockedMs),
        retryAfterMs: waitMs < 0 ? Number.POSITIVE_INFINITY : Math.max(waitMs, blockedMs),
        charge: { place: reply[first + 2]!, salt: reply[first + 3]! },
      };
    }),
  };
}
