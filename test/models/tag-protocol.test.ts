import { expect, test } from 'vitest';
import { sized } from '../support/size.js';
import { type Events, exploreTagProtocol, type Protocol, type Scenario } from './tag-protocol.js';

const whole: Protocol = {
  settles: true,
  marksAgain: true,
  owesPurges: true,
  looksLast: true,
  purgesRemembered: true,
};
type Size = Pick<Scenario, 'mutations' | 'lookUpsPerReader'>;
const size = (quick: Size): Size => sized({ quick, full: { mutations: 2, lookUpsPerReader: 2 } });
const small = sized<Size>({
  quick: { mutations: 1, lookUpsPerReader: 1 },
  full: { mutations: 2, lookUpsPerReader: 1 },
});

const check = (events: Events, promise: Scenario['promise'], more: Partial<Scenario> = {}) =>
  exploreTagProtocol({ protocol: whole, events, promise, ...small, ...more });
const named = (events: Events) =>
  Object.entries(events)
    .map(([event, times]) => (times === 1 ? event : `${times} times ${event}`))
    .join(' and ') || 'nothing';

// Two processes, each with a reader and, unless there is only one, with a mutation. Every order of their steps is tried.
const LOSSES: [Events, Size][] = [
  [{}, size({ mutations: 2, lookUpsPerReader: 1 })],
  [{ disconnect: 1 }, size({ mutations: 2, lookUpsPerReader: 1 })],
  [{ crash: 1 }, size({ mutations: 1, lookUpsPerReader: 2 })],
  [{ kill: 1 }, size({ mutations: 2, lookUpsPerReader: 1 })],
  [{ flush: 1 }, size({ mutations: 1, lookUpsPerReader: 2 })],
  [{ flush: 1, crash: 1 }, small],
  [{ kill: 1, crash: 1 }, small],
  [{ flush: 1, kill: 1 }, small],
  [{ flush: 1, disconnect: 1 }, small],
  ...sized<[Events, Size][]>({
    quick: [],
    full: [{ kill: 2 }, { kill: 1, disconnect: 1 }].map((e) => [e, small]),
  }),
];

test.each(LOSSES.map(([events, sizes]) => [named(events), events, sizes] as const))(
  'when Redis and the processes suffer %s, no read that began after a commit sees an older value',
  (_name, events, sizes) => {
    const { trace, states } = check(events, 'commit', sizes);
    expect(trace).toBeUndefined();
    expect(states).toBeGreaterThan(100);
  },
  600_000,
);

// One of the two mutations changes nothing and withdraws its mark, so that the version from before may be back.
const besideReplays = sized<Events[]>({
  quick: [{}, { crash: 1 }],
  full: [{}, { crash: 1 }, { flush: 1 }, { kill: 1 }, { disconnect: 1 }],
});

test.each(besideReplays)(
  'beside a replay (%o) no read that began after a commit sees an older value',
  (events) => {
    const sizes = { mutations: 2, replays: 1, lookUpsPerReader: 1 };
    expect(check(events, 'commit', sizes).trace).toBeUndefined();
  },
  600_000,
);

test.each([{ evict: 1 }, { evict: 1, flush: 1 }, { evict: 1, kill: 1 }, { evict: 1, crash: 1 }])(
  'when a mark is evicted (%o), no read that began after the 2xx sees an older value',
  (events) => {
    expect(check(events, 'response').trace).toBeUndefined();
  },
  600_000,
);

test.each([{ disconnect: 1 }, { disconnect: 1, flush: 1 }, { kill: 1 }])(
  'a purge without marks (%o) is made as soon as its process reaches Redis, and no older value is read from then on',
  (events) => {
    expect(check(events, 'recovery', { marks: false }).trace).toBeUndefined();
  },
  600_000,
);

// Each part is needed: the model has to find the fault that the part prevents.
const WITHOUT: [keyof Protocol, Events, Partial<Scenario>][] = [
  ['settles', { kill: 1 }, { promise: 'response' }],
  ['settles', { flush: 1, crash: 1 }, { promise: 'commit' }],
  ['looksLast', { kill: 1 }, { promise: 'response' }],
  ['marksAgain', { flush: 1 }, { promise: 'commit', lookUpsPerReader: 2 }],
  ['owesPurges', { disconnect: 1 }, { promise: 'recovery', marks: false }],
  ['purgesRemembered', {}, { promise: 'commit', mutations: 2, replays: 1, lookUpsPerReader: 2 }],
];

test.each(WITHOUT)('without the part "%s" the model finds an older value after %o', (part, events, more) => {
  const { promise = 'response' } = more;
  const { trace } = check(events, promise, { ...more, protocol: { ...whole, [part]: false } });
  expect(trace?.at(-1)).toMatch(/^it sees 0 after [12]$/);
});

// What the protocol does not promise, so that nobody believes it does.
test('a mark that is evicted while its process has no connection leaves an older value until the process is back', () => {
  const events = { evict: 1, disconnect: 1 };
  expect(check(events, 'response').trace).toContain('mutation 0: cannot purge and answers');
  expect(check(events, 'recovery').trace).toBeUndefined();
});
