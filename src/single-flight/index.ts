export { type FillOutcome, type FillTurns, fillTurns, type Turn } from './single-flight.js';
