export type { FillEnd, FillOutcome } from './fill-end.js';
export { type FillRight, SingleFlight, type Taken } from './single-flight.js';
