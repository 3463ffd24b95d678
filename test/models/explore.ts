/** A step that a model can take from a state. */
export interface Step<State> {
  readonly name: string;
  readonly next: State;
  /** The step shows a fault: a promise of the model is broken. */
  readonly fault?: string;
}

export interface Exploration {
  readonly states: number;
  /** The shortest way to a fault, step by step; undefined when there is none. */
  readonly trace: readonly string[] | undefined;
}

/**
 * Visits every state that a model can reach, breadth first, until a step shows a fault.
 *
 * @param keyOf the same text for states that differ only in names that mean nothing
 */
export function explore<State>(
  start: State,
  stepsFrom: (state: State) => readonly Step<State>[],
  keyOf: (state: State) => string,
): Exploration {
  const seen = new Set([keyOf(start)]);
  const reached: { state: State; from: number; name: string }[] = [{ state: start, from: -1, name: 'start' }];
  const traceTo = (at: number): string[] => {
    const names: string[] = [];
    for (let step = at; step > 0; step = reached[step]!.from) names.unshift(reached[step]!.name);
    return names;
  };
  for (let at = 0; at < reached.length; at++) {
    for (const { name, next, fault } of stepsFrom(reached[at]!.state)) {
      if (fault) return { states: seen.size, trace: [...traceTo(at), name, fault] };
      const key = keyOf(next);
      if (seen.has(key)) continue;
      seen.add(key);
      reached.push({ state: next, from: at, name });
    }
  }
  return { states: seen.size, trace: undefined };
}
