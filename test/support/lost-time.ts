const EVERY_MS = 5;

/**
 * Measures for how long this process could not run while something else was measured: on a busy machine that much is
 * added to any duration, and says nothing about the code.
 */
export function watchLostTime(): { lostMs(): number } {
  let last = performance.now();
  let lost = 0;
  const note = () => {
    const now = performance.now();
    lost += Math.max(0, now - last - EVERY_MS);
    last = now;
  };
  const timer = setInterval(note, EVERY_MS);
  return {
    lostMs() {
      clearInterval(timer);
      note();
      return lost;
    },
  };
}
