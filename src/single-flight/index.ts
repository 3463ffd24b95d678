export type { FillEnd, FillOutcome } from './fill-end.js';
export { besideOthers, type FillRight, type Taken } from './fill-right.js';
export { type BeginFill, SingleFlight } from './single-flight.js';
