import { DatabaseError } from 'pg';
import { Problem } from '../routes/problem.js';

/** PostgreSQL cannot be reached, or says that it cannot answer now: a 503. `cause` is the error of pg. */
export class DatabaseUnavailable extends Problem {
  constructor(override readonly cause: unknown) {
    super(503, 'The database does not answer. Try again later.');
  }
}

// Connection exceptions, too few resources, shutdown and start-up; a statement that took too long; and a server that
// became a standby. Any other error that PostgreSQL reports is an answer.
const AWAY = /^(08|53|57P|57014|25006)/;

// pg gives its own errors no code.
const PG_GAVE_UP =
  /^(Connection terminated|timeout ex(ceeded|pired)|Query read timeout|Client (was closed|has encountered)|Cannot use a pool)/;

/** Whether the error says that PostgreSQL is away, rather than that a query is wrong. */
export function isAway(error: unknown): boolean {
  if (error instanceof DatabaseError) return AWAY.test(error.code ?? '');
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  return syscall !== undefined || /^(E(?!RR_)[A-Z_]+)$/.test(code ?? '') || PG_GAVE_UP.test(message);
}
