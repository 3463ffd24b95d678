/** Whether a Redis answers, or refuses every connection. */
export type RedisState = 'there' | 'away';

export interface Conditions {
  readonly redis: RedisState;
  /** For how long a block may keep somebody waiting. */
  readonly deadlineMs: number;
  note(problem: string): void;
}

/** The result of some work, or an error that says that it did not end. */
export async function settledWithin<T>(ms: number, work: Promise<T>, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} did not end within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** No example answers 500. While Redis is away 503 is the answer; 501 is that of an example to be filled in. */
export const isAllowed = (status: number, redis: RedisState): boolean =>
  status < 500 || status === 501 || (status === 503 && redis === 'away');

/** Asks until nothing is wrong or the time is over: on a busy machine a Redis that is there may miss a deadline. */
export async function firstProblem(
  { redis, deadlineMs }: Conditions,
  ask: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const problem = await ask();
    if (problem === undefined || redis === 'away' || Date.now() > end) return problem;
  }
}
