import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { isThenable } from '../../src/settle.js';
import { leaveToolkit } from '../leaving.js';
import { thrownError } from '../thrown.js';
import { shareHiddenClass } from './hidden-class.js';
import type { AnyStep, Before } from './step.js';

/** A step of this toolkit, or a middleware of somebody else. */
export type Part = AnyStep | RequestHandler;

const NOT_ASKED = Symbol('not asked');

/**
 * Asks the questions of all steps in this turn of the event loop, so that they leave as one write, then lets the
 * parts act in order, as `app.use(a, b, c)` would.
 */
export function runSteps(parts: readonly Part[], req: Request, res: Response, next: NextFunction): void {
  shareHiddenClass(req, res);
  actFrom(0, parts, parts.length === 1 ? [] : askAll(parts, req, res), req, res, next);
}

function askAll(parts: readonly Part[], req: Request, res: Response): readonly unknown[] {
  const answers: unknown[] = [];
  let before: Before = 'nobody';
  for (const part of parts) {
    if (typeof part === 'function') {
      before = 'others';
      answers.push(NOT_ASKED);
      continue;
    }
    const answer = part.asksWhenFirst && before !== 'nobody' ? NOT_ASKED : askEarly(part, req, res, before);
    answers.push(answer);
    if (answer !== NOT_ASKED && part.ends?.(answer)) return answers;
    if (before === 'nobody') before = 'steps';
  }
  return answers;
}

// A question may depend on what an earlier part sets (`req.user.id`). It cannot be named here then: `ask` throws, or
// returns nothing. The step is asked again, and its errors are reported, when it acts.
function askEarly(step: AnyStep, req: Request, res: Response, before: Before): unknown {
  try {
    const answer: unknown = step.ask(req, res, before);
    if (answer instanceof Promise) answer.catch(() => undefined);
    return answer ?? NOT_ASKED;
  } catch {
    return NOT_ASKED;
  }
}

function actFrom(
  position: number,
  parts: readonly Part[],
  answers: readonly unknown[],
  req: Request,
  res: Response,
  next: NextFunction,
): void {
  const part = parts[position];
  if (part === undefined || typeof part === 'function') leaveToolkit(req);
  if (part === undefined) {
    next();
    return;
  }
  let called = false;
  const proceed = (error?: unknown) => {
    if (called) {
      // A response that was held may fail after its handler ran: that error has nowhere else to go.
      if (error) next(error);
      return;
    }
    called = true;
    if (!error) return actFrom(position + 1, parts, answers, req, res, next);
    leaveToolkit(req);
    next(error);
  };
  const fail = (thrown: unknown) => proceed(thrownError(thrown));
  try {
    const outcome: unknown =
      typeof part === 'function'
        ? part(req, res, proceed as NextFunction)
        : part.act(req, res, proceed as NextFunction, answerTo(part, answers[position], req, res));
    if (isThenable(outcome)) Promise.resolve(outcome).catch(fail);
  } catch (error) {
    fail(error);
  }
}

const answerTo = (step: AnyStep, early: unknown, req: Request, res: Response): unknown =>
  early === undefined || early === NOT_ASKED ? step.ask(req, res, 'nobody') : early;
