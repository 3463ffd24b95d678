import { createHash } from 'node:crypto';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { clockFor, publish } from '../../src/diagnostics.js';
import { type FallbackReporter, sharedReporter } from '../../src/fallback-reporter.js';
import { type AttemptOutcome, Attempts, type KeptAnswer } from '../../src/idempotency/index.js';
import { consoleLogger } from '../../src/logger.js';
import { loggedPath, logMisuse } from '../../src/notices.js';
import { readOptions } from '../../src/read-options.js';
import { linkTo } from '../../src/redis/index.js';
import { monotonicNow } from '../../src/timers.js';
import { stateOf } from '../request-state.js';
import { middlewareOf, type Step } from '../stack/index.js';
import { withoutRedis } from './redis-unavailable.js';
// Types `req.idempotency` for everybody who imports this file.
import './request-idempotency.js';
import { fingerprintOf } from './fingerprint.js';
import { keepAnswer } from './keep-answer.js';
import { keyOf } from './key-field.js';
import { checks, defaults, hints, type IdempotentOptions, type IdempotentSettings } from './options.js';
import { answerProblem, type IdempotencyProblem } from './problems.js';
import { replay } from './replay.js';
import { routeOf, scopeOf } from './scope.js';
import { type NamedAttempt, waitForAnswer } from './wait-for-answer.js';

type FoundAnswer = Awaited<ReturnType<Attempts['find']>>;

/** An earlier answer, looked up under this id. */
interface AskedAttempt {
  readonly id: string;
  readonly found: Promise<FoundAnswer>;
}

/**
 * Lets a request that is sent again happen once (draft-ietf-httpapi-idempotency-key-header-07). The first request with an
 * `Idempotency-Key` runs the handler, and its answer is kept; a later one with the same client, method, path and content
 * gets that answer; one that comes meanwhile gets 409, or waits for the answer (`waitMs`). A process that dies leaves a
 * lease behind: after it the request runs again. So that its effect still happens once, commit `req.idempotency.id` under a UNIQUE constraint.
 *
 * @example
 * app.post('/orders', sessions, idempotent({ redis }), express.json(), async (req, res) => {
 *   res.status(201).json(await createOrder(req.body, req.idempotency?.id));
 * });
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`; requests may end in `IDEMPOTENCY_REFUSED`
 */
export function idempotent(given: IdempotentOptions): RequestHandler {
  return middlewareOf(
    new IdempotentStep(readOptions('idempotent', given, checks, defaults, ['redis'], hints)),
  );
}

class IdempotentStep implements Step<AskedAttempt | undefined> {
  readonly #settings: IdempotentSettings;
  readonly #attempts: Attempts;
  readonly #reporter: FallbackReporter;
  readonly #logger;
  #hasExplainedScope = false;

  constructor(settings: IdempotentSettings) {
    const { redis, logger, ttlSeconds } = settings;
    this.#settings = settings;
    this.#logger = logger ?? consoleLogger;
    this.#attempts = new Attempts(redis, { ...settings, keepMs: ttlSeconds * 1000 });
    this.#reporter = sharedReporter('idempotent', settings.onUnavailable, linkTo(redis, logger), logger);
  }

  /** Looks the answer up, if the client is known without its session. The lease is taken when the step acts. */
  async ask(req: Request): Promise<AskedAttempt | undefined> {
    const { scope, methods } = this.#settings;
    if (!methods.includes(req.method) || !scope) return undefined;
    const id = await this.#idOf(req).catch(() => undefined);
    if (typeof id !== 'object') return undefined;
    const found = this.#attempts.find(id.id);
    found.catch(() => undefined);
    return { id: id.id, found };
  }

  async act(req: Request, res: Response, next: NextFunction, asked: unknown): Promise<unknown> {
    const { methods, documentationUrl } = this.#settings;
    if (!methods.includes(req.method) || stateOf(req).idempotency) return next();
    stateOf(req).idempotency = true;
    const named = await this.#idOf(req);
    if (named === undefined) return next();
    if (typeof named === 'string') {
      stateOf(req).isUnchanged = true;
      return answerProblem(res, named, { documentationUrl });
    }
    const read = await fingerprintOf(req, this.#settings);
    if ('failure' in read) return this.#contentFailed(req, res, read.failure);
    const attempt = { id: named.id, fingerprint: read.digest, req, res };
    const began = clockFor('idempotency');
    const first = await this.#outcome(attempt, await (asked as Promise<AskedAttempt>), next);
    if (!first) return undefined;
    const askedAt = monotonicNow();
    const durationMs = askedAt - began;
    const { waitMs } = this.#settings;
    const waits = first.state === 'running' && waitMs > 0;
    const outcome = waits ? await waitForAnswer(this.#attempts, first, attempt, waitMs) : first;
    const waitedMs = waits ? monotonicNow() - askedAt : 0;
    publish('idempotency', () => ({ state: outcome.state, durationMs, waitedMs }), req);
    return this.#follow(outcome, attempt, next);
  }

  #follow(outcome: AttemptOutcome, { id, fingerprint, req, res }: NamedAttempt, next: NextFunction): unknown {
    const { documentationUrl } = this.#settings;
    if (outcome.state !== 'run') stateOf(req).isUnchanged = true;
    switch (outcome.state) {
      case 'run':
        req.idempotency = { id, fence: outcome.fence };
        keepAnswer(
          this.#attempts,
          { ...outcome, id, fingerprint },
          { res, next, reporter: this.#reporter },
          this.#settings,
        );
        return next();
      case 'done':
        return replay(res, outcome.answer);
      case 'running':
        return answerProblem(res, 'IDEMPOTENCY_KEY_IN_USE', {
          documentationUrl,
          retryAfterMs: outcome.leftMs,
        });
      case 'lost':
        return answerProblem(res, 'IDEMPOTENCY_OUTCOME_UNKNOWN', { documentationUrl });
      case 'mismatch':
        return answerProblem(res, 'IDEMPOTENCY_KEY_REUSED', { documentationUrl });
    }
  }

  /** Undefined when the request has been passed on. */
  async #outcome(
    { id, fingerprint, req }: NamedAttempt,
    asked: AskedAttempt | undefined,
    next: NextFunction,
  ): Promise<AttemptOutcome | undefined> {
    try {
      const found = asked?.id === id ? await asked.found : undefined;
      if (found) return judged(found, fingerprint);
      const outcome = await this.#attempts.begin(id, fingerprint);
      this.#reporter.succeeded();
      return outcome;
    } catch (error) {
      next(withoutRedis(error, this.#settings.onUnavailable, this.#reporter, req));
      return undefined;
    }
  }

  /** The digest of client, method, path and key; undefined without a key, or what is wrong with them. */
  async #idOf(req: Request): Promise<{ readonly id: string } | IdempotencyProblem | undefined> {
    const { required, syntax } = this.#settings;
    const lines = req.headersDistinct['idempotency-key'];
    if (!lines) return required ? 'IDEMPOTENCY_KEY_MISSING' : undefined;
    const key = keyOf(lines, syntax);
    if (key === undefined) return 'IDEMPOTENCY_KEY_INVALID';
    const scope = await scopeOf(req, this.#settings);
    if (scope === undefined) {
      this.#explainScope(req);
      return 'IDEMPOTENCY_SCOPE_MISSING';
    }
    const parts = JSON.stringify([scope, req.method, routeOf(req), key]);
    return { id: createHash('sha256').update(parts).digest('base64url') };
  }

  #explainScope(req: Request): void {
    // Asked early the session may not be there yet.
    if (this.#hasExplainedScope || !stateOf(req).idempotency) return;
    this.#hasExplainedScope = true;
    logMisuse(this.#logger, 'IDEMPOTENCY_SCOPE_UNKNOWN', { url: loggedPath(req.originalUrl) });
  }

  #contentFailed(req: Request, res: Response, failure: 'too large' | 'too slow' | 'broken'): void {
    const { documentationUrl } = this.#settings;
    stateOf(req).isUnchanged = true;
    if (failure === 'broken') return void res.destroy();
    const code = failure === 'too large' ? 'IDEMPOTENCY_CONTENT_TOO_LARGE' : 'IDEMPOTENCY_CONTENT_TIMEOUT';
    answerProblem(res, code, { documentationUrl });
  }
}

const judged = (
  { fingerprint, answer }: { readonly fingerprint: string; readonly answer: KeptAnswer },
  own: string,
): AttemptOutcome => (fingerprint === own ? { state: 'done', answer } : { state: 'mismatch' });
