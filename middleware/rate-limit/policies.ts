import type { Request, Response } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { type CounterTerms, counterName, type Policy } from '../../src/limits/index.js';
import { type Check, readOptions } from '../../src/read-options.js';
import {
  isCost,
  isLimit,
  isWindow,
  type PerRequest,
  policyChecks,
  type RateLimitOptions,
  type RateLimitPolicy,
  type RateLimitSettings,
} from './options.js';

/** A policy as declared: its numbers may be functions of the request. */
export type DeclaredPolicy = Required<RateLimitPolicy>;

const SINGLE_POLICY = ['limit', 'windowMs', 'identifier'] as const;

export function readPolicies(
  given: RateLimitOptions,
  settings: RateLimitSettings,
): readonly DeclaredPolicy[] {
  const { policies, identifier, limit, windowMs, algorithm } = settings;
  if (!policies) return [{ name: identifier, limit, windowMs, algorithm }];
  const other = SINGLE_POLICY.find((option) => given[option] !== undefined);
  if (other) throw new ToolkitError('OPTION_INVALID', `rateLimit: give "policies" or "${other}", not both`);
  const names = new Set<string>();
  return policies.map((policy) => {
    const read = readOptions('rateLimit policy', policy, policyChecks, { algorithm }, [
      'name',
      'limit',
      'windowMs',
    ]);
    if (names.has(read.name)) {
      throw new ToolkitError(
        'OPTION_INVALID',
        `rateLimit: two policies are named "${read.name}"; they would share a count`,
      );
    }
    names.add(read.name);
    return read;
  });
}

/** The policies with their numbers, when none depends on the request. */
export function fixedPolicies(declared: readonly DeclaredPolicy[]): readonly Policy[] | undefined {
  return declared.every(({ limit, windowMs }) => typeof limit === 'number' && typeof windowMs === 'number')
    ? (declared as readonly Policy[])
    : undefined;
}

/** Whether the counter of a policy is known without a request. */
export const hasFixedWindow = (policy: DeclaredPolicy): policy is DeclaredPolicy & CounterTerms =>
  typeof policy.windowMs === 'number';

/** The name under which a policy counts; a window that depends on the request is left out. */
export const declaredCounter = (policy: DeclaredPolicy): string =>
  hasFixedWindow(policy) ? counterName(policy) : `${policy.name}/${policy.algorithm}`;

export async function resolvePolicies(
  declared: readonly DeclaredPolicy[],
  req: Request,
  res: Response,
): Promise<readonly Policy[]> {
  return Promise.all(
    declared.map(async (policy) => {
      const limit = checked('limit', await valueFor(policy.limit, req, res), isLimit);
      const windowMs = checked('windowMs', await valueFor(policy.windowMs, req, res), isWindow);
      return { ...policy, limit, windowMs };
    }),
  );
}

/** The cost of a request; a promise only when the option's function returns one. */
export function resolveCost(cost: PerRequest<number>, req: Request, res: Response): number | Promise<number> {
  const value = valueFor(cost, req, res);
  return value instanceof Promise
    ? value.then((settled) => checked('cost', settled, isCost))
    : checked('cost', value, isCost);
}

function valueFor<T>(value: PerRequest<T>, req: Request, res: Response): T | Promise<T> {
  return typeof value === 'function'
    ? (value as (req: Request, res: Response) => T | Promise<T>)(req, res)
    : value;
}

function checked(name: string, value: number, check: Check): number {
  const complaint = check(value);
  if (complaint === undefined) return value;
  throw new ToolkitError(
    'RATE_LIMIT_VALUE_INVALID',
    `rateLimit: the function "${name}" returned ${JSON.stringify(value) ?? String(value)}; it ${complaint}`,
  );
}

export function present(key: unknown): string {
  if (typeof key === 'string' && key !== '') return key;
  throw new ToolkitError(
    'RATE_LIMIT_KEY_MISSING',
    `rateLimit: the key of this request is ${String(key) || 'empty'}; a keyGenerator must return a non-empty string (by default it is req.ip)`,
  );
}
