export type { FillEnd, FillOutcome } from './fill-end.js';
export {
  type BeginFill,
  besideOthers,
  type FillRight,
  isSettling,
  SingleFlight,
  type Taken,
} from './single-flight.js';
