import type { Request, Response } from 'express';
import { ToolkitError } from '../../src/errors.js';
import { kindOf } from '../../src/kind-of.js';
import {
  type CounterTerms,
  counterName,
  type LimiterDeclaration,
  type Policy,
} from '../../src/limits/index.js';
import { type Check, readOptions } from '../../src/read-options.js';
import { whenSettled } from '../../src/settle.js';
import {
  aCost,
  aLimit,
  aWindow,
  type PerRequest,
  type PerRequestFunction,
  policyChecks,
  type RateLimitOptions,
  type RateLimitPolicy,
  type RateLimitSettings,
} from './options.js';

/** A policy as declared: its numbers may be functions of the request. */
export type DeclaredPolicy = Required<RateLimitPolicy>;

const SINGLE_POLICY = ['limit', 'max', 'windowMs', 'identifier'] as const;
const UNNAMED = 'default';

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function readPolicies(
  given: RateLimitOptions,
  settings: RateLimitSettings,
): readonly DeclaredPolicy[] {
  const { policies, identifier, limit, windowMs, algorithm, cost, dryRun } = settings;
  const name = typeof identifier === 'string' ? identifier : UNNAMED;
  const declared = policies
    ? namedPolicies(given, policies, settings)
    : [{ name, limit, windowMs, algorithm }];
  checkCost(declared, cost);
  return dryRun ? declared.map((policy) => ({ ...policy, name: `dry-run/${policy.name}` })) : declared;
}

function namedPolicies(
  given: RateLimitOptions,
  policies: readonly RateLimitPolicy[],
  { algorithm }: RateLimitSettings,
): readonly DeclaredPolicy[] {
  const other = SINGLE_POLICY.find((option) => given[option] !== undefined);
  if (other) throw new ToolkitError('OPTION_INVALID', `rateLimit: give "policies" or "${other}", not both`);
  const names = new Set<string>();
  return policies.map((policy) => {
    const required = ['name', 'limit', 'windowMs'] as const;
    const read = readOptions('rateLimit policy', policy, policyChecks, { algorithm }, required);
    if (names.has(read.name)) {
      throw new ToolkitError('OPTION_INVALID', `rateLimit: two policies have the name "${read.name}"`);
    }
    names.add(read.name);
    return read;
  });
}

// Limit 0 refuses everything on purpose, whatever the cost is.
function checkCost(declared: readonly DeclaredPolicy[], cost: PerRequest<number>): void {
  for (const { name, limit } of declared) {
    if (typeof cost !== 'number' || typeof limit !== 'number' || limit === 0 || cost <= limit) continue;
    throw new ToolkitError(
      'OPTION_INVALID',
      `rateLimit: option "cost" is ${cost}, more than the limit of the policy "${name}" (${limit}), so that no request would be admitted`,
    );
  }
}

/** The policies with their numbers, if none depends on the request. */
export function fixedPolicies(declared: readonly DeclaredPolicy[]): readonly Policy[] | undefined {
  return declared.every((policy) => typeof policy.limit === 'number' && hasFixedWindow(policy))
    ? (declared as readonly Policy[])
    : undefined;
}

/** Whether the counter of a policy is known without a request. */
export const hasFixedWindow = (policy: DeclaredPolicy): policy is DeclaredPolicy & CounterTerms =>
  typeof policy.windowMs === 'number';

/** The name under which a policy counts; a window that depends on the request is left out. */
export const declaredCounter = (policy: DeclaredPolicy): string =>
  hasFixedWindow(policy) ? counterName(policy) : `${policy.name}/${policy.algorithm}`;

/** The facts about a limiter that an operator needs. */
export function declarationOf(declared: readonly DeclaredPolicy[], prefix: string): LimiterDeclaration {
  const fixed = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : null);
  const policies = declared.map(({ name, algorithm, ...numbers }) => ({
    name,
    algorithm,
    limit: fixed(numbers.limit),
    windowMs: fixed(numbers.windowMs),
  }));
  return { prefix, name: declaredCounter(declared[0]!), policies };
}

export function resolvePolicies(
  declared: readonly DeclaredPolicy[],
  req: Request,
  res: Response,
): Promise<readonly Policy[]> {
  return Promise.all(
    declared.map(async (policy) => {
      const limit = await resolved('limit', policy.limit, aLimit, req, res);
      const windowMs = await resolved('windowMs', policy.windowMs, aWindow, req, res);
      return { ...policy, limit, windowMs };
    }),
  );
}

/** The cost of a request; a promise only if the option's function returns one. */
export function resolveCost(cost: PerRequest<number>, req: Request, res: Response): number | Promise<number> {
  return typeof cost === 'number' ? cost : resolved('cost', cost, aCost, req, res);
}

/** The value of an option for a request; a promise only if the option's function returns one. */
export function resolved<T>(
  option: string,
  value: PerRequest<T>,
  check: Check,
  req: Request,
  res: Response,
): T | Promise<T> {
  if (typeof value !== 'function') return value;
  return whenSettled((value as PerRequestFunction<T>)(req, res), (result) => {
    const complaint = check(result);
    if (complaint === undefined) return result;
    throw invalidResult(option, result, complaint);
  });
}

/** The error for a function among the options that returned an unusable value. */
export function invalidResult(option: string, result: unknown, complaint: string): ToolkitError {
  const shown = typeof result === 'number' ? String(result) : kindOf(result);
  return new ToolkitError(
    'RATE_LIMIT_VALUE_INVALID',
    `rateLimit: the function "${option}" returned ${shown}; it ${complaint}`,
  );
}

const A_KEY = 'a non-empty string, a number or a bigint';

/** The key that `keyGenerator` returned, as text. @throws ToolkitError `RATE_LIMIT_KEY_MISSING` */
export function generatedKey(key: unknown): string {
  const text = keyText(key);
  if (text !== undefined) return text;
  throw new ToolkitError(
    'RATE_LIMIT_KEY_MISSING',
    `rateLimit: keyGenerator returned ${kindOf(key)}; it must return ${A_KEY}`,
  );
}

/** The key that was given to a method, as text. @throws ToolkitError `RATE_LIMIT_KEY_MISSING` */
export function clientKey(method: string, key: unknown): string {
  const text = keyText(key);
  if (text !== undefined) return text;
  throw new ToolkitError(
    'RATE_LIMIT_KEY_MISSING',
    `rateLimit.${method}: argument "key" must be ${A_KEY}, not ${kindOf(key)}`,
  );
}

// Ids of a database are often numbers; keys in Redis are text.
function keyText(key: unknown): string | undefined {
  if (typeof key === 'string') return key || undefined;
  const isNumber = typeof key === 'bigint' || (typeof key === 'number' && Number.isFinite(key));
  return isNumber ? String(key) : undefined;
}
