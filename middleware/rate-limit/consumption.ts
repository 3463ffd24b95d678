import type { Request, Response } from 'express';
import type { Policy } from '../../src/limits/index.js';
import { isThenable, whenSettled } from '../../src/settle.js';
import { addressKeys } from './client-address.js';
import type { RateLimitSettings } from './options.js';
import {
  type DeclaredPolicy,
  fixedPolicies,
  generatedKey,
  invalidResult,
  resolveCost,
  resolvePolicies,
} from './policies.js';

/** What a request consumes: how much, of whose quota, under which policies. */
export interface Consumption {
  readonly key: string;
  readonly policies: readonly Policy[];
  readonly cost: number;
}

type Asked<T> = T | Promise<T>;

const SKIPPED = Promise.resolve(undefined);

/** Says what a request consumes, in the same tick unless a function among the options is asynchronous. */
export function consumptions(declared: readonly DeclaredPolicy[], options: RateLimitSettings) {
  const fixed = fixedPolicies(declared);
  const keyOfAddress = addressKeys(options.ipv6Subnet);

  const consumptionOf = (req: Request, res: Response): Asked<Consumption> => {
    const generated = options.keyGenerator ? options.keyGenerator(req, res) : keyOfAddress(req, res);
    if (fixed && !isThenable(generated)) {
      const key = generatedKey(generated);
      return whenSettled(resolveCost(options.cost, req, res), (cost) => ({ key, policies: fixed, cost }));
    }
    // Nothing may throw while the key is pending: its rejection would be unhandled.
    const cost = async () => resolveCost(options.cost, req, res);
    return Promise.all([generated, fixed ?? resolvePolicies(declared, req, res), cost()]).then(
      ([settledKey, policies, points]) => ({ key: generatedKey(settledKey), policies, cost: points }),
    );
  };

  return (req: Request, res: Response): Asked<Consumption | undefined> => {
    if (!options.skip) return consumptionOf(req, res);
    return whenSettled(options.skip(req, res), (skipped: unknown) => {
      if (typeof skipped === 'function') throw invalidResult('skip', skipped, 'must be true or false');
      // A skipped request may lack what the other functions need.
      return skipped ? SKIPPED : consumptionOf(req, res);
    });
  };
}
