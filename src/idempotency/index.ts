export { type AttemptOutcome, Attempts, type KeptAnswer } from './attempts.js';
