import type { BlockedClients } from '../limits/index.js';
import type { ProcessReport } from './process-report.js';
import type { RedisHealth } from './redis-health.js';

/** A process as it is seen from here. */
export interface SeenProcess {
  readonly id: string;
  /** Connected to Redis, but it does not answer. */
  readonly isSilent: boolean;
  readonly isOwn: boolean;
  readonly reportAgeMs: number;
  /** Absent for a process that never answered. */
  readonly report?: ProcessReport;
}

export interface Sight {
  readonly redis: RedisHealth;
  readonly processes: readonly SeenProcess[];
  /** Undefined while Redis does not say. */
  readonly blocked: BlockedClients | undefined;
}
