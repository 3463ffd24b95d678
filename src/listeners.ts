import { type EventEmitter, getMaxListeners, setMaxListeners } from 'node:events';

// Node warns of a leak from the eleventh listener on. The toolkit's own listeners (of each near cache, of each hot reload, of
// each handler with the same signal) must not make Node blame the application, so each raises the limit by one.

/** Adds a listener to an emitter. Returns a function that removes it. */
export function addListener(
  emitter: EventEmitter,
  event: string,
  listener: (...args: never[]) => void,
): () => void {
  raiseLimit(emitter, 1);
  emitter.on(event, listener as (...args: unknown[]) => void);
  return () => {
    emitter.off(event, listener as (...args: unknown[]) => void);
    raiseLimit(emitter, -1);
  };
}

/** Calls the listener at the next event. */
export function onceOn(emitter: EventEmitter, event: string | symbol, listener: () => void): void {
  raiseLimit(emitter, 1);
  emitter.once(event, listener);
}

/** Calls the listener when the signal is aborted, not when it already was. Returns a function that removes it. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (!signal) return () => undefined;
  let isAdded = true;
  raiseLimit(signal, 1);
  signal.addEventListener('abort', listener);
  return () => {
    if (!isAdded) return;
    isAdded = false;
    signal.removeEventListener('abort', listener);
    raiseLimit(signal, -1);
  };
}

export function raiseLimit(target: EventEmitter | AbortSignal, by: number): void {
  const limit = getMaxListeners(target);
  // 0 and Infinity mean that there is no limit.
  if (limit > 0 && limit < Number.POSITIVE_INFINITY) setMaxListeners(Math.max(1, limit + by), target);
}
