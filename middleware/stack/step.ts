import type { NextFunction, Request, Response } from 'express';

/** Who can change a request between a step's question and its act: nobody, other steps, or anybody's middleware. */
export type Before = 'nobody' | 'steps' | 'others';

/** The answer of `ask`; undefined when the request needs no question. */
export type StepAnswer<Answer> = Answer | Promise<Answer> | undefined;

/** A middleware of the toolkit, in two halves: what it asks of Redis, and how it acts on the answer. */
export interface Step<Answer> {
  /**
   * Names the question from the request alone and sends it; undefined when there is none, or when it cannot be named
   * yet. An earlier step may end the request, so asking must leave nothing behind, except where `asksWhenFirst`.
   */
  ask(req: Request, res: Response, before: Before): StepAnswer<Answer>;
  /** Acts on the answer: ends the response or calls `next`. An error that it throws goes to `next`. */
  act(req: Request, res: Response, next: NextFunction, answer: StepAnswer<Answer>): unknown;
  /** Asking changes something in Redis (the limiter charges), so only the first step of a stack is asked early. */
  readonly asksWhenFirst?: true;
  /** Whether an answer that is there at once ends the request, so that later steps need not ask. */
  ends?(answer: StepAnswer<Answer>): boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: the runner gives each step the answer to its own question
export type AnyStep = Step<any>;
