import { Pool } from 'pg';
import type { ToolkitError } from '../../src/errors.js';
import { withLock } from '../../src/locks/with-lock.js';
import { connectRedis } from '../../src/redis/connect.js';
import { serve } from '../support/child.js';

export interface LockLoad {
  sections: number;
  /** The sections in which the process stops itself (SIGSTOP) or ends itself (SIGKILL), between reading and writing. */
  stopIn: number[];
  killIn: number[];
  fenced: boolean;
  resource: string;
  ttlMs: number;
}

export interface Outcome {
  written: number;
  /** The database knew a later holder. */
  refused: number;
  lost: number;
}

// The row says whose turn it is, so that what is read is not changed by an earlier holder any more.
const CLAIM = 'UPDATE counter SET fencing = $1 WHERE fencing < $1 RETURNING value';
const READ = 'SELECT value FROM counter WHERE $1::bigint > 0';
// Together with each write, in one transaction, a line that cannot be overwritten.
const write = (where: string) => `
  WITH written AS (UPDATE counter SET value = $2, fencing = $1 WHERE ${where} RETURNING value)
  INSERT INTO writes (fencing, value) SELECT $1, value FROM written`;
const [WRITE_FENCED, WRITE] = [write('fencing = $1'), write('$1::bigint > 0')];

const redis = connectRedis({ url: process.env.REDIS_URL!, logger: { info() {}, warn() {}, error() {} } });
const database = new Pool({ connectionString: process.env.DATABASE_URL, max: 1 });

async function run({ sections, stopIn, killIn, fenced, resource, ttlMs }: LockLoad): Promise<Outcome> {
  const options = { ttlMs, waitMs: 600_000, timeoutMs: 5_000 };
  const outcome = { written: 0, refused: 0, lost: 0 };
  for (let section = 0; section < sections; section++) {
    try {
      await withLock(redis, resource, options, async ({ fencing }) => {
        const { rows } = await database.query(fenced ? CLAIM : READ, [fencing]);
        if (rows.length === 0) return outcome.refused++;
        if (stopIn.includes(section)) {
          await redis.rpush('stopped', process.pid);
          process.kill(process.pid, 'SIGSTOP');
        }
        if (killIn.includes(section)) process.kill(process.pid, 'SIGKILL');
        const next = Number(rows[0].value) + 1;
        const { rowCount } = await database.query(fenced ? WRITE_FENCED : WRITE, [fencing, next]);
        return rowCount === 1 ? outcome.written++ : outcome.refused++;
      });
    } catch (error) {
      if ((error as ToolkitError).code !== 'LOCK_LOST') throw error;
      outcome.lost++;
    }
  }
  return outcome;
}

serve({ run });
