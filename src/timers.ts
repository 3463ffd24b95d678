import { performance as performanceOfNode } from 'node:perf_hooks';
import * as timers from 'node:timers';

// Fake timers of Jest, Vitest and Sinon replace the functions of the globals and of `node:timers`. Code that awaits Redis
// would then wait until a test advances the clock, so the toolkit keeps the functions that were there when it was loaded.
export const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval } = timers;

/** Milliseconds of the monotonic clock, which no fake timers stop. */
export const monotonicNow: () => number = performanceOfNode.now.bind(performanceOfNode);
