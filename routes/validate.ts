import type { Request, RequestHandler } from 'express';
import type { z } from 'zod';
import { type FieldError, Problem } from './problem.js';

/** Parses `value`, or throws the 400 that names every wrong field; `whole` is the name of the value itself. */
export function parse<T>(schema: z.ZodType<T>, value: unknown, whole: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.flatMap((issue) => fieldErrors(issue, whole));
  throw new Problem(400, `The ${whole} is not valid.`, { errors });
}

function fieldErrors(issue: z.core.$ZodIssue, whole: string): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: key, message: 'is not a field that can be given here' }));
  }
  return [{ field: issue.path.join('.') || whole, message: issue.message }];
}

/** Puts the parsed body in the place of the raw one. */
export function validBody<T>(schema: z.ZodType<T>): RequestHandler<Request['params'], unknown, T> {
  return (req, _res, next) => {
    // express.json() leaves a body of another type unread.
    if (req.get('Content-Length') !== '0' && req.is('application/json') === false) {
      const errors = [{ field: 'Content-Type', message: 'must be application/json' }];
      throw new Problem(415, 'The body must be JSON, and its Content-Type application/json.', { errors });
    }
    req.body = parse(schema, req.body, 'body');
    next();
  };
}
