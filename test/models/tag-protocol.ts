import { type Exploration, explore, type Step } from './explore.js';

/** The parts of the protocol that a run of the model has; without one of them the model finds a fault. */
export interface Protocol {
  /** After a loss of state nothing is stored until the mutating processes have set their marks again. */
  readonly settles: boolean;
  /** A process with a mutation in flight sets its marks again when it notices a loss. */
  readonly marksAgain: boolean;
  /** A purge that failed is repeated until Redis acknowledges it. */
  readonly owesPurges: boolean;
  /** The state is looked at after the version was created, not before. */
  readonly looksLast: boolean;
  /** A purge beside the mark of a replay takes the version from before the marks away, which the replay would bring back. */
  readonly purgesRemembered: boolean;
}

/** How often each event may happen. */
export interface Events {
  /** Redis is killed and comes back empty; each process reconnects at a time of its own. */
  readonly kill?: number;
  readonly flush?: number;
  /** The tag's value is evicted, be it a version or marks. */
  readonly evict?: number;
  /** A process dies, with its mutation and its reader. */
  readonly crash?: number;
  /** A process alone loses its connection. */
  readonly disconnect?: number;
}

export interface Scenario {
  readonly protocol: Protocol;
  readonly events: Events;
  /**
   * From when on a read may not see an older value: the commit, the moment when the 2xx has left, or when the process that
   * made the change reaches Redis again.
   */
  readonly promise: 'commit' | 'response' | 'recovery';
  /** Without marks: code that commits and then invalidates, or a mutation that proceeds without Redis. */
  readonly marks?: boolean;
  readonly mutations: number;
  /** How many of the mutations turn out to be replays, which change nothing and withdraw their marks. */
  readonly replays?: number;
  readonly lookUpsPerReader: number;
}

type Marks = readonly boolean[];
/** Marks remember the version from before them; 0 for none. */
type Tag = { readonly version: number } | { readonly marks: Marks; readonly remembered: number } | undefined;

interface Mutation {
  readonly isReplay: boolean;
  readonly at: 'idle' | 'marked' | 'committed' | 'owed' | 'over';
  readonly value: number;
  /** The state of Redis in which its marks were set, as far as its process knows. */
  readonly markedIn: number;
}

interface Reader {
  readonly at: 'idle' | 'created' | 'pinned' | 'read';
  readonly lookUps: number;
  readonly version: number;
  readonly value: number;
}

interface Model {
  readonly database: number;
  readonly tag: Tag;
  readonly entry: { readonly version: number; readonly value: number } | undefined;
  /** The state of Redis since its last loss; 0 until somebody has looked. */
  readonly redisState: number;
  readonly isSettling: boolean;
  readonly processes: readonly {
    readonly isAlive: boolean;
    readonly isConnected: boolean;
    readonly knownState: number;
    readonly mutation: Mutation;
    readonly reader: Reader;
  }[];
  /** The least value that a read that begins now may see. */
  readonly floor: number;
  readonly left: Required<Events>;
  readonly names: number;
}

type Process = Model['processes'][number];

const PROCESSES = [0, 1];

export function exploreTagProtocol(scenario: Scenario): Exploration {
  return explore(startOf(scenario), (model) => stepsFrom(model, scenario), keyOf);
}

function startOf({ events, mutations, replays = 0 }: Scenario): Model {
  const process = (position: number): Process => ({
    isAlive: true,
    isConnected: true,
    // Both have been connected before anything happens.
    knownState: 1,
    mutation: {
      isReplay: position >= mutations - replays,
      at: position < mutations ? 'idle' : 'over',
      value: 0,
      markedIn: 0,
    },
    reader: { at: 'idle', lookUps: 0, version: 0, value: 0 },
  });
  return {
    database: 0,
    tag: undefined,
    entry: undefined,
    redisState: 1,
    isSettling: false,
    processes: PROCESSES.map(process),
    floor: 0,
    left: { kill: 0, flush: 0, evict: 0, crash: 0, disconnect: 0, ...events },
    names: 2,
  };
}

function stepsFrom(model: Model, scenario: Scenario): Step<Model>[] {
  return [
    ...PROCESSES.flatMap((who) => {
      const { isAlive } = model.processes[who]!;
      if (!isAlive) return [];
      return [...mutationSteps(model, who, scenario), ...readerSteps(model, who, scenario)];
    }),
    ...settlingSteps(model, scenario),
    ...eventSteps(model),
  ];
}

function mutationSteps(
  model: Model,
  who: number,
  { protocol, promise, marks = true }: Scenario,
): Step<Model>[] {
  const process = model.processes[who]!;
  const { mutation, isConnected, knownState } = process;
  const steps: Step<Model>[] = [];
  const step = (name: string, next: Model) => steps.push({ name: `mutation ${who}: ${name}`, next });
  const become = (changed: Model, at: Mutation['at'], more: Partial<Mutation> = {}) =>
    withProcess(changed, who, { mutation: { ...mutation, at, ...more } });
  const isInFlight = mutation.at === 'marked' || mutation.at === 'committed';

  if (mutation.at === 'idle' && !marks) step('begins', become(model, 'marked'));
  if (mutation.at === 'idle' && marks && isConnected) {
    step('marks', become(withMark(model, who), 'marked', { markedIn: knownState }));
  }
  if (mutation.at === 'marked' && mutation.isReplay && isConnected)
    step('withdraws', become(withdrawnMark(model, who), 'over'));
  if (mutation.at === 'marked' && !mutation.isReplay) {
    const database = model.database + 1;
    const floor = promise === 'commit' ? database : model.floor;
    step('commits', become({ ...model, database, floor }, 'committed', { value: database }));
  }
  const floor = Math.max(model.floor, mutation.value);
  if (mutation.at === 'committed' && isConnected) {
    step('purges and answers', become({ ...withoutMark(model, who, protocol), floor }, 'over'));
  }
  if (mutation.at === 'committed' && !isConnected) {
    const answered = promise === 'recovery' ? model : { ...model, floor };
    step('cannot purge and answers', become(answered, 'owed'));
  }
  if (mutation.at === 'owed' && isConnected) {
    const purged = protocol.owesPurges ? withoutMark(model, who, protocol) : model;
    step(
      protocol.owesPurges ? 'makes its owed purge' : 'forgets its purge',
      become({ ...purged, floor }, 'over'),
    );
  }
  if (isInFlight && marks && isConnected && protocol.marksAgain) {
    step('looks at the state', looked(model, who));
    if (mutation.markedIn !== knownState)
      step('marks again', become(withMark(model, who), mutation.at, { markedIn: knownState }));
  }
  return steps;
}

function readerSteps(model: Model, who: number, { protocol, lookUpsPerReader }: Scenario): Step<Model>[] {
  const { reader, isConnected } = model.processes[who]!;
  const { tag, entry } = model;
  const become = (changed: Model, more: Partial<Reader>) =>
    withProcess(changed, who, { reader: { ...reader, ...more } });
  const named = (name: string, next: Model, fault?: string): Step<Model> => ({
    name: `reader ${who}: ${name}`,
    next,
    ...(fault && { fault }),
  });

  if (reader.at === 'idle' && reader.lookUps < lookUpsPerReader && isConnected) {
    const lookUps = reader.lookUps + 1;
    const version = versionOf(tag);
    if (entry && version === entry.version) {
      const fault = entry.value < model.floor ? `it sees ${entry.value} after ${model.floor}` : undefined;
      return [named('hits', become(model, { lookUps }), fault)];
    }
    if (protocol.settles && !protocol.looksLast) {
      const seen = looked(model, who);
      const created = withVersion(seen);
      const pin = seen.isSettling ? 0 : (versionOf(created.tag) ?? 0);
      // The look and the creation are two commands; an event between them is what `looksLast` is about.
      return [
        named('misses, looks first', become(seen, { at: 'created', lookUps, version: pin === 0 ? 0 : -1 })),
      ];
    }
    const created = withVersion(model);
    return [
      named(
        'misses and creates',
        become(created, { at: 'created', lookUps, version: versionOf(created.tag) ?? 0 }),
      ),
    ];
  }
  if (reader.at === 'created') {
    if (!protocol.looksLast && reader.version === -1) {
      if (!isConnected) return [named('gives up', become(model, { at: 'pinned', version: 0 }))];
      const created = withVersion(model);
      return [named('creates', become(created, { at: 'pinned', version: versionOf(created.tag) ?? 0 }))];
    }
    if (!protocol.settles || !protocol.looksLast) return [named('pins', become(model, { at: 'pinned' }))];
    if (!isConnected) return [named('cannot look', become(model, { at: 'pinned', version: 0 }))];
    const seen = looked(model, who);
    const version = seen.isSettling ? 0 : reader.version;
    return [named('looks at the state', become(seen, { at: 'pinned', version }))];
  }
  if (reader.at === 'pinned')
    return [named('reads the database', become(model, { at: 'read', value: model.database }))];
  if (reader.at === 'read') {
    const { version, value } = reader;
    const stored = version > 0 && isConnected ? { ...model, entry: { version, value } } : model;
    return [named('stores', become(stored, { at: 'idle', version: 0, value: 0 }))];
  }
  return [];
}

// The settling time is long enough for every living process to reconnect, to set its marks again and to make the
// purges that it owes.
function settlingSteps(model: Model, { protocol }: Scenario): Step<Model>[] {
  const isCovered = ({ isAlive, mutation: { at, markedIn } }: Process) => {
    if (!isAlive || at === 'idle' || at === 'over') return true;
    return at === 'owed' ? !protocol.owesPurges : !protocol.marksAgain || markedIn === model.redisState;
  };
  if (!model.isSettling || !model.processes.every(isCovered)) return [];
  return [{ name: 'settled', next: { ...model, isSettling: false } }];
}

function eventSteps(model: Model): Step<Model>[] {
  const { left } = model;
  const steps: Step<Model>[] = [];
  const event = (kind: keyof Events, next: Model, detail = '') => {
    if (left[kind] > 0)
      steps.push({ name: `${kind}${detail}`, next: { ...next, left: { ...left, [kind]: left[kind] - 1 } } });
  };
  const empty: Model = { ...model, tag: undefined, entry: undefined, redisState: 0, isSettling: false };
  event('kill', {
    ...empty,
    processes: model.processes.map((process) => ({ ...process, isConnected: false })),
  });
  event('flush', empty);
  if (model.tag) event('evict', { ...model, tag: undefined });
  for (const who of PROCESSES) {
    const { isAlive, isConnected, mutation } = model.processes[who]!;
    if (isAlive && isConnected)
      event('disconnect', withProcess(model, who, { isConnected: false }), ` ${who}`);
    if (isAlive) event('crash', withProcess(model, who, { isAlive: false }), ` ${who}`);
    if (isAlive && !isConnected)
      steps.push({ name: `process ${who} reconnects`, next: withProcess(model, who, { isConnected: true }) });
    // Nobody renews the mark of a mutation that is over or whose process is dead.
    const isRenewed = isAlive && mutation.at !== 'over' && mutation.at !== 'owed';
    if (!isRenewed && hasOnlyMark(model.tag, who))
      steps.push({ name: `mark ${who} expires`, next: { ...model, tag: undefined } });
  }
  return steps;
}

/** A process compares the state of Redis with the one that it knows. */
function looked(model: Model, who: number): Model {
  const isLost = model.redisState === 0;
  const redisState = isLost ? model.names : model.redisState;
  const next = {
    ...model,
    redisState,
    isSettling: model.isSettling || isLost,
    names: model.names + (isLost ? 1 : 0),
  };
  return withProcess(next, who, { knownState: redisState });
}

const versionOf = (tag: Tag): number | undefined => (tag && 'version' in tag ? tag.version : undefined);

const hasOnlyMark = (tag: Tag, who: number): boolean =>
  tag !== undefined && 'marks' in tag && tag.marks.every((isSet, position) => isSet === (position === who));

function withProcess(model: Model, who: number, more: Partial<Process>): Model {
  const processes = model.processes.map((process, position) =>
    position === who ? { ...process, ...more } : process,
  );
  return { ...model, processes };
}

function withVersion(model: Model): Model {
  if (model.tag) return model;
  return { ...model, tag: { version: model.names }, names: model.names + 1 };
}

function withMark(model: Model, who: number): Model {
  const isMarked = model.tag && 'marks' in model.tag;
  const marks = isMarked ? model.tag.marks : PROCESSES.map(() => false);
  const remembered = isMarked ? model.tag.remembered : (model.tag?.version ?? 0);
  return { ...model, tag: { marks: marks.map((isSet, position) => isSet || position === who), remembered } };
}

function withoutMark(model: Model, who: number, { purgesRemembered }: Protocol): Model {
  const { tag } = model;
  const isMarked = tag !== undefined && 'marks' in tag;
  const others = othersOf(isMarked ? tag.marks : [], who);
  if (isMarked && others.includes(true))
    return { ...model, tag: { marks: others, remembered: purgesRemembered ? 0 : tag.remembered } };
  return { ...model, tag: { version: model.names }, names: model.names + 1 };
}

/** Takes the mark of a replay out: the version from before the marks is back, unless it was purged. */
function withdrawnMark(model: Model, who: number): Model {
  const { tag } = model;
  if (tag === undefined || !('marks' in tag)) return model;
  const others = othersOf(tag.marks, who);
  if (others.includes(true)) return { ...model, tag: { ...tag, marks: others } };
  if (tag.remembered > 0) return { ...model, tag: { version: tag.remembered } };
  return { ...model, tag: { version: model.names }, names: model.names + 1 };
}

const othersOf = (marks: Marks, who: number): Marks =>
  marks.map((isSet, position) => isSet && position !== who);

/**
 * The same text for states that differ only in the names of versions and states, or in which process is which. Names
 * are counted anew, in the order in which they are met.
 */
function keyOf(model: Model): string {
  const [one, other] = [keyInOrder(model, [0, 1]), keyInOrder(model, [1, 0])];
  return one < other ? one : other;
}

function keyInOrder(model: Model, order: readonly number[]): string {
  const { database, tag, entry, redisState, isSettling, floor, left } = model;
  const met = [0, -1];
  const name = (given: number): number => {
    const known = met.indexOf(given);
    return known >= 0 ? known : met.push(given) - 1;
  };
  let key = `${database}${floor}${name(redisState)}${Number(isSettling)}`;
  key += `${left.kill}${left.flush}${left.evict}${left.crash}${left.disconnect}`;
  if (tag)
    key +=
      'version' in tag
        ? `v${name(tag.version)}`
        : `m${order.map((who) => Number(tag.marks[who]))}${name(tag.remembered)}`;
  if (entry) key += `e${name(entry.version)}${entry.value}`;
  for (const who of order) {
    const { isAlive, isConnected, knownState, mutation, reader } = model.processes[who]!;
    key += `|${Number(isAlive)}${Number(isConnected)}${name(knownState)}`;
    key += `${Number(mutation.isReplay)}${mutation.at[0]}${mutation.at.length}${mutation.value}${name(mutation.markedIn)}`;
    key += `${reader.at[0]}${reader.at.length}${reader.lookUps}${name(reader.version)}${reader.value}`;
  }
  return key;
}
