import { type Client, clientOf } from '../../support/session-client.js';
import { at, shown } from './both-apps.js';

/** Somebody with a browser, and the facts about the session that must stay true. */
export interface Person {
  readonly user: string;
  readonly browser: Client;
  readonly changes: Record<string, string>;
  isLoggedOut: boolean;
}

/** How often a session was not as it must be. */
export interface Losses {
  loggedOut: number;
  logoutsUndone: number;
  changesLost: number;
  failures: number;
}

export interface Servers {
  readonly old: readonly string[];
  readonly new: readonly string[];
}

const AT_ONCE = 16;
let rounds = 0;

export async function login(urls: readonly string[], users: readonly string[]): Promise<Person[]> {
  const people = users.map((user, n) => ({
    user,
    browser: clientOf(urls[n % urls.length]!),
    changes: {},
    isLoggedOut: false,
  }));
  await inParallel(people, ({ browser, user }) => browser.get(`/login?user=${user}`));
  return people;
}

/** Everybody uses the application: two new processes change the session at the same time, and any process shows it. */
export async function everybodyWorks(
  people: readonly Person[],
  servers: Servers,
  pick: <Item>(items: readonly Item[]) => Item,
  losses: Losses,
): Promise<void> {
  await inParallel(people, async (person) => {
    const work = [look(person, pick([...servers.old, ...servers.new]), losses)];
    const round = ++rounds;
    for (const name of servers.new.length > 0 ? [`a${round}`, `b${round}`] : []) {
      work.push(change(person, pick(servers.new), name, losses));
    }
    await Promise.all(work);
    for (const url of servers.new) await look(person, url, losses, person.changes);
  });
}

export async function logOut(people: readonly Person[], pickServer: () => string): Promise<void> {
  await inParallel(people, async (person) => {
    await at(pickServer(), person.browser).get('/logout');
    person.isLoggedOut = true;
  });
}

async function change(person: Person, url: string, name: string, losses: Losses): Promise<void> {
  if (person.isLoggedOut) return;
  const { status } = await at(url, person.browser).get(`/set/${name}`);
  if (status === 200) person.changes[name] = '1';
  else losses.failures++;
}

/** Compares the session at this server with what it must be. */
export async function look(
  { user, browser, isLoggedOut }: Person,
  url: string,
  losses: Losses,
  changes: Readonly<Record<string, string>> = {},
): Promise<void> {
  const session = (await shown(at(url, browser))) as Record<string, string>;
  if (isLoggedOut) losses.logoutsUndone += Number(session.user !== undefined);
  else if (session.user !== user) losses.loggedOut++;
  else losses.changesLost += Object.keys(changes).filter((name) => session[name] !== changes[name]).length;
}

export async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>) {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
