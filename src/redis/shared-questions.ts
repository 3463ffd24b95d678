import type { RedisLink } from './link.js';

/**
 * Asks a question, or hands out the answer that the same question of this turn is going to have. It is the same if it has
 * the same subject and details; of several questions about one subject the last one is shared.
 */
export type ShareQuestion<Answer> = (
  subject: string,
  details: readonly unknown[],
  ask: () => Promise<Answer>,
) => Promise<Answer>;

interface SharedAnswer<Answer> {
  readonly details: readonly unknown[];
  readonly answer: Promise<Answer>;
}

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
  const asked = new Map<string, SharedAnswer<Answer>>();
  const counter = counterOf(link);
  let setsBefore = counter.sets;
  return (subject, details, ask) => {
    if (counter.sets !== setsBefore) asked.clear();
    setsBefore = counter.sets;
    if (asked.size === 0) link.beforeSending(() => asked.clear());
    else {
      const known = asked.get(subject);
      if (known && hasSameItems(known.details, details)) return known.answer;
    }
    const answer = ask();
    asked.set(subject, { details, answer });
    return answer;
  };
}

const hasSameItems = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && one.every((item, position) => item === other[position]);

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
