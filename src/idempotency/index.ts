export type { AttemptOutcome, KeptAnswer, RunsElsewhere } from './attempt-outcome.js';
export { Attempts, type RunningAttempt } from './attempts.js';
