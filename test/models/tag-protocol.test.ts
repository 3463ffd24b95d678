import { expect, test } from 'vitest';
import { type Events, exploreTagProtocol, type Protocol, type Scenario } from './tag-protocol.js';

const WHOLE: Protocol = { settles: true, marksAgain: true, owesPurges: true, looksLast: true };
const SIZE: Pick<Scenario, 'mutations' | 'lookUpsPerReader' | 'promise'> = {
  mutations: 1,
  lookUpsPerReader: 2,
  promise: 'response',
};

const events: [name: string, events: Events][] = [
  ['Redis is killed and comes back empty', { kill: 1 }],
  ['Redis is flushed', { flush: 1 }],
  ['Redis is flushed and then killed', { flush: 1, kill: 1 }],
  ['a mark or a version is evicted', { evict: 1 }],
  ['a process loses its connection and Redis is flushed', { disconnect: 1, flush: 1 }],
];

test.each(events)(
  'in the model nobody is served an older value after the response when %s',
  (_name, given) => {
    const { trace, states } = exploreTagProtocol({ ...SIZE, protocol: WHOLE, events: given });
    expect(trace).toBeUndefined();
    expect(states).toBeGreaterThan(100);
  },
);

test.each<[what: string, without: Partial<Protocol>, events: Events]>([
  ['settling after a loss', { settles: false }, { kill: 1 }],
  ['looking at the state last', { looksLast: false }, { kill: 1 }],
  ['any of it', { settles: false, marksAgain: false, owesPurges: false, looksLast: false }, { kill: 1 }],
])('without %s (%j) the model finds a stale answer when %j happens', (_what, without, given) => {
  const { trace } = exploreTagProtocol({ ...SIZE, protocol: { ...WHOLE, ...without }, events: given });
  expect(trace).toBeDefined();
});
