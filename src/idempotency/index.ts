export { type AttemptOutcome, Attempts, type KeptAnswer, type RunningAttempt } from './attempts.js';
