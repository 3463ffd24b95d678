export { type FillOutcome, type FillRight, SingleFlight } from './single-flight.js';
