import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { forkTypeScript } from '../../../support/processes.js';
import { printedSeed, random } from '../../../support/random.js';
import { sized } from '../../../support/size.js';
import { redisForFile } from '../../support/redis-for-file.js';
import { everybodyWorks, inParallel, type Losses, login, logOut, look } from './support/people.js';

const file = redisForFile();
const { people: PEOPLE, processes: PROCESSES } = sized({
  quick: { people: 20, processes: 2 },
  full: { people: 1000, processes: 3 },
});
const NOTHING: Losses = { loggedOut: 0, logoutsUndone: 0, changesLost: 0, failures: 0 };

async function start(adopt?: object): Promise<string[]> {
  const env = { REDIS_URL: file.server.url, ...(adopt && { ADOPT: JSON.stringify(adopt) }) };
  const children = Array.from({ length: PROCESSES }, async () => {
    const child = await forkTypeScript(join(__dirname, 'support/moving-process.ts'), { env });
    onTestFinished(() => child.kill());
    return child.call<string>('listen');
  });
  return Promise.all(children);
}

const named = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}-${n}`);

test.each<[string, boolean]>([
  ['do not survive the way back without', false],
  ['survive the way back with', true],
])(
  'old and new processes under load, forward and back: no session of the old ones is logged out, no logout undone, no change of the new ones lost; sessions of the new ones %s adopt.mirror',
  { timeout: sized({ quick: 60_000, full: 480_000 }) },
  async (_outcome, mirror) => {
    const { pick } = random(printedSeed('moving from express-session'));
    const [old, fresh] = await Promise.all([start(), start({ mirror })]);
    const people = await login(old, named(`old-${mirror}`, PEOPLE));
    const losses = { ...NOTHING };
    const [only, both, none] = [
      { old, new: [] },
      { old, new: fresh },
      { old: [], new: fresh },
    ];
    const leavers = people.filter((_, n) => n % 10 === 0);
    const chunks = [0, 1, 2].map((third) => leavers.filter((_, n) => n % 3 === third));

    await everybodyWorks(people, only, pick, losses);
    await everybodyWorks(people, both, pick, losses);
    await Promise.all([
      everybodyWorks(
        people.filter((person) => !leavers.includes(person)),
        both,
        pick,
        losses,
      ),
      logOut(chunks[0]!, () => pick([...old, ...fresh])),
    ]);
    await everybodyWorks(people, none, pick, losses);
    await logOut(chunks[1]!, () => pick(fresh));
    const newcomers = await login(fresh, named(`new-${mirror}`, PEOPLE / 4));
    await everybodyWorks([...people, ...newcomers], none, pick, losses);

    // The way back.
    await everybodyWorks(people, both, pick, losses);
    await logOut(chunks[2]!, () => pick([...old, ...fresh]));
    await everybodyWorks(people, only, pick, losses);
    const afterwards = { ...NOTHING };
    await inParallel(newcomers, (person) => look(person, pick(old), afterwards, person.changes));
    await everybodyWorks(people, both, pick, losses);

    console.log(
      `${PEOPLE} sessions, mirror ${mirror}:`,
      losses,
      'new sessions at the old processes:',
      afterwards,
    );
    expect(losses).toEqual(NOTHING);
    expect(afterwards).toEqual({ ...NOTHING, loggedOut: mirror ? 0 : newcomers.length });
  },
);
