/** Timers may fire a millisecond early, and a key outlives its expiry by a part of one. */
export const EXPIRED_AFTER_MS = 2;

/** Whether it came in time. Rejects with the signal's reason when that is aborted. */
export function within(ms: number, event: Promise<void>, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (tell: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      tell();
    };
    const abort = () => settle(() => reject(signal?.reason as Error));
    const timer = setTimeout(() => settle(() => resolve(false)), Math.ceil(ms));
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort);
    event.then(
      () => settle(() => resolve(true)),
      (error: unknown) => settle(() => reject(error as Error)),
    );
  });
}
