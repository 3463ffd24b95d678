import type { Request } from 'express';
import { isUnavailable, ToolkitError } from '../../src/errors.js';
import { type FallbackReporter, sharedReporter } from '../../src/fallback-reporter.js';
import { LocalLimiter, type Policy, type QuotaVerdict } from '../../src/limits/index.js';
import { linkTo, whenReset } from '../../src/redis/index.js';
import type { Consumption } from './consumption.js';
import type { RateLimitSettings } from './options.js';

/** The verdict of this process alone. */
interface LocalDecision {
  readonly verdict: QuotaVerdict;
  readonly refund: () => void;
}

type OnUnavailable = RateLimitSettings['onUnavailable'];

const CONSEQUENCES: Record<OnUnavailable, string> = {
  open: 'requests are not limited',
  closed: 'requests are refused',
  local: 'requests are counted in this process only',
};

/** Decides about a request that Redis has not decided about, as `onUnavailable` says. */
export class WithoutRedis {
  // Made in the first outage: it holds memory for 50,000 windows.
  #local: LocalLimiter | undefined;
  readonly #onUnavailable: OnUnavailable;
  readonly #reporter: FallbackReporter;

  constructor({ redis, onUnavailable }: RateLimitSettings) {
    this.#onUnavailable = onUnavailable;
    this.#reporter = sharedReporter('rateLimit', onUnavailable, linkTo(redis));
    whenReset(redis, () => (this.#local = undefined));
  }

  /** Undefined when the request is not limited; throws when it is refused. */
  decide(
    { key, policies, cost, req }: Consumption & { readonly req: Request },
    error: unknown,
  ): LocalDecision | undefined {
    if (!isUnavailable(error)) throw error;
    this.#reporter.applied(this.#onUnavailable, CONSEQUENCES[this.#onUnavailable], error, req);
    if (this.#onUnavailable === 'closed') throw reducedCapacity(error, policies);
    if (this.#onUnavailable === 'open') return undefined;
    this.#local ??= new LocalLimiter();
    const local = this.#local;
    const verdict = local.consume(key, policies, cost);
    return { verdict, refund: () => local.refund(key, verdict, cost) };
  }

  readonly refundFailed = (error: unknown): void => {
    this.#reporter.failed('rateLimit: a refund failed, so the client stays charged for one window', error);
  };

  /** Redis has charged a client again. */
  ended(): void {
    this.#reporter.succeeded();
  }
}

// draft-ietf-httpapi-ratelimit-headers: the policies that could not be checked.
function reducedCapacity({ code, message, cause }: ToolkitError, policies: readonly Policy[]): ToolkitError {
  const problem = {
    type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
    title: 'Temporary Reduced Capacity',
    'violated-policies': policies.map(({ name }) => name),
  };
  return new ToolkitError(code, message, { cause, problem });
}
