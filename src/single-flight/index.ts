export type { FillEnd, FillOutcome } from './fill-end.js';
export { type BeginFill, besideOthers, type FillRight, SingleFlight, type Taken } from './single-flight.js';
