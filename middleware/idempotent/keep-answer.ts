import type { OutgoingHttpHeaders } from 'node:http';
import type { NextFunction, Response } from 'express';
import type { FallbackReporter } from '../../src/fallback-reporter.js';
import type { Directives } from '../../src/http/cache-control.js';
import { storedFields } from '../../src/http/stored-fields.js';
import type { Attempts, KeptAnswer, RunningAttempt } from '../../src/idempotency/index.js';
import { consoleLogger, type Logger } from '../../src/logger.js';
import { clearInterval, setInterval } from '../../src/timers.js';
import { captureResponse, handlersFields, headersNow, holdResponse } from '../response/index.js';
import type { IdempotentSettings } from './options.js';

// Answers that say "not now", and those of 500 and above: a retry may do better. 409 and 422 are kept.
const NOT_KEPT = new Set([401, 403, 408, 425, 429]);

// For one client or one moment, besides what no cache stores: they are made anew.
const MADE_ANEW = /^(?:date|retry-after|server-timing|(?:x-)?ratelimit.*)$/;
const NO_DIRECTIVES: Directives = new Map();

/** The response to a request, and who is told when its answer cannot be kept. */
interface Answering {
  readonly res: Response;
  readonly next: NextFunction;
  readonly reporter: FallbackReporter;
}

/**
 * Renews the lease while the handler runs, and keeps its answer before the client gets it: whoever got an answer can have
 * it again. A client that leaves changes nothing: its retry is what the answer is kept for.
 */
export function keepAnswer(
  attempts: Attempts,
  attempt: RunningAttempt,
  { res, next, reporter }: Answering,
  { maxBodyBytes, leaseMs, logger = consoleLogger }: IdempotentSettings,
): void {
  const before = headersNow(res);
  const stopRenewing = renewing(attempts, attempt, leaseMs);
  let kept: Omit<KeptAnswer, 'body'> | undefined;
  let isTooLarge = false;
  let ended = (_storing: Promise<void>) => {};
  const storing = new Promise<void>((resolve) => {
    ended = (work) => resolve(work);
  });
  const end = (body: Buffer | undefined) => {
    stopRenewing();
    ended(store(attempts, attempt, kept && { ...kept, body }, { logger, reporter }));
  };

  holdResponse(res, next, ({ isEnd }) => (isEnd ? storing : undefined));
  captureResponse(res, {
    maxBodyBytes,
    onHead() {
      kept = answerWorthKeeping(res, before);
      const isStream = String(kept?.fields['content-type']).startsWith('text/event-stream');
      isTooLarge = isStream;
      return { keep: kept !== undefined && !isStream };
    },
    onTooLarge() {
      isTooLarge = true;
    },
    onBody(body) {
      // Bytes that do not belong to the head, or fewer than were promised.
      if (!body && !isTooLarge) kept = undefined;
      end(body);
    },
    onBroken(by) {
      if (by === 'application') {
        kept = undefined;
        end(undefined);
      } else stopRenewing.soon();
    },
  });
}

function answerWorthKeeping(
  res: Response,
  before: OutgoingHttpHeaders,
): Omit<KeptAnswer, 'body'> | undefined {
  const { statusCode: status } = res;
  if (status >= 500 || NOT_KEPT.has(status)) return undefined;
  const fields = Object.entries(storedFields(handlersFields(res, before, []), NO_DIRECTIVES))
    .filter(([name]) => !MADE_ANEW.test(name))
    .map(([name, value]) => [name, value!] as const);
  return { status, fields: Object.fromEntries(fields) };
}

async function store(
  attempts: Attempts,
  attempt: RunningAttempt,
  answer: KeptAnswer | undefined,
  { logger, reporter }: { readonly logger: Logger; readonly reporter: FallbackReporter },
): Promise<void> {
  try {
    if (!answer) await attempts.forget(attempt.id, attempt.token);
    else if (!(await attempts.complete(attempt, answer))) {
      logger.error(
        { code: 'IDEMPOTENCY_LEASE_LOST' },
        'idempotent: the lease was lost while the handler ran',
      );
    }
  } catch (err) {
    // The request has happened: its client gets the answer all the same.
    reporter.failed(
      'idempotent: an answer was not kept; this is repeated, and after its lease onLostLease decides',
      err,
    );
  }
}

interface StopRenewing {
  (): void;
  /** Stops in a while: without its client a handler may never end its response. */
  soon(): void;
}

const RENEWALS_PER_LEASE = 3;
const LEASES_WITHOUT_CLIENT = 10;

function renewing(attempts: Attempts, attempt: RunningAttempt, leaseMs: number): StopRenewing {
  let left = Number.POSITIVE_INFINITY;
  const stop = () => clearInterval(renewal);
  const renewal = setInterval(() => {
    left -= 1;
    if (left < 0) return stop();
    // A failed renewal is tried again at the next turn.
    attempts.renew(attempt).then(
      (isOurs) => isOurs || stop(),
      () => undefined,
    );
  }, leaseMs / RENEWALS_PER_LEASE);
  renewal.unref();
  return Object.assign(stop, {
    soon: () => {
      left = LEASES_WITHOUT_CLIENT * RENEWALS_PER_LEASE;
    },
  });
}
