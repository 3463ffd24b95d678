const size = process.env.TEST_SIZE ?? 'quick';
if (size !== 'quick' && size !== 'full') {
  throw new Error(`TEST_SIZE must be quick or full, not ${size}`);
}

/** Picks how much a test does: `quick` by default, `full` with TEST_SIZE=full. */
export function sized<T>(choices: { quick: T; full: T }): T {
  return choices[size as 'quick' | 'full'];
}
