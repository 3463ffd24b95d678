import type { RedisLink } from './link.js';

/** Asks a question, or hands out the answer that the same question of this turn is going to have. */
export type ShareQuestion<Answer> = (question: string, ask: () => Promise<Answer>) => Promise<Answer>;

/** Counts the SETs of a link, for all who share questions over it. */
interface SetCounter {
  sets: number;
}

const counters = new WeakMap<RedisLink, SetCounter>();

/**
 * A way to ask Redis once for all callers who ask the same question in one turn of the event loop. No caller began after
 * the question was sent, so the shared answer is as new as each caller's own would be.
 *
 * A question asked after a SET never shares the answer of one asked before it: code that has just written (a lease, a
 * record) relies on reading its own write.
 */
export function sharedQuestions<Answer>(link: RedisLink): ShareQuestion<Answer> {
  const asked = new Map<string, Promise<Answer>>();
  const counter = counterOf(link);
  let setsBefore = counter.sets;
  return (question, ask) => {
    if (counter.sets !== setsBefore) asked.clear();
    setsBefore = counter.sets;
    const known = asked.get(question);
    if (known) return known;
    if (asked.size === 0) link.beforeSending(() => asked.clear());
    const answer = ask();
    asked.set(question, answer);
    return answer;
  };
}

function counterOf(link: RedisLink): SetCounter {
  const known = counters.get(link);
  if (known) return known;
  const counter = { sets: 0 };
  counters.set(link, counter);
  link.onSend((command) => {
    if (command === 'set') counter.sets++;
  });
  return counter;
}
