// For tests that move the toolkit's own clock: `vi.mock('…/src/timers.js', () => import('…/fakeable-timers.js'))` has it
// look up the global functions at each call, where fake timers replace them.
type Callable = (...args: never[]) => unknown;

function lookedUp<Name extends keyof typeof globalThis>(name: Name): (typeof globalThis)[Name] {
  return ((...args: never[]) => (globalThis[name] as Callable)(...args)) as (typeof globalThis)[Name];
}

export const setTimeout = lookedUp('setTimeout');
export const setInterval = lookedUp('setInterval');
export const setImmediate = lookedUp('setImmediate');
export const clearTimeout = lookedUp('clearTimeout');
export const clearInterval = lookedUp('clearInterval');
export const monotonicNow = (): number => performance.now();
