import { posix } from 'node:path';

const FRONT_DOORS = 'the front doors (index.ts and its neighbours)';

/** What each floor may import. A folder that is not listed (bench, examples, scripts) may import any floor. */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  src: ['src'],
  middleware: ['src', 'middleware'],
  routes: ['src', 'middleware', 'routes'],
  server: ['src', 'middleware', 'routes', 'server', FRONT_DOORS],
  [FRONT_DOORS]: ['src', 'middleware', FRONT_DOORS],
};

/** The rooms in their order: a room imports only rooms of earlier rows. The files beside the rooms are words: they come first. */
const ROOMS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  src: [
    ['http'],
    ['redis'],
    ['subscriptions', 'limits', 'sessions', 'tags'],
    ['locks', 'queues', 'messages', 'single-flight', 'cache', 'idempotency'],
    ['cache-aside'],
    ['operations', 'telemetry', 'testing'],
    ['cli'],
  ],
  middleware: [
    ['stack', 'response'],
    ['rate-limit', 'session'],
    ['cache', 'idempotent', 'ops', 'problem'],
  ],
};

/** Rooms without a door: their files are imported one by one. */
const BY_FILE = ['src/http'];

/** The folders in which a name has one declaration. Programs beside the house (bench, examples, scripts) stand alone. */
const ONE_NAME_ONCE = ['src', 'middleware', 'routes', 'server'];

const IMPORTED = /\b(?:from|import|import\(|require\(|module)\s*['"`](\.[^'"`]*)['"`]/g;
const DECLARED =
  /^(?:export )?(?:default )?(?:declare )?(?:abstract )?(?:async )?(?:type|interface|class|enum|function\*?|const(?= \w+(?:: [^;]*?)? =\s+(?:async\b|function\b|<|\(|\w+ =>))) (\w+)/gm;
const COMMENTS = /^\s*(?:\/\*[\s\S]*?\*\/|\/\/.*$)/gm;
const ONLY_EXPORTS = /^(?:\s*export (?:type )?\{[^}]*\} from '[^']+';)*\s*$/;

interface Place {
  readonly path: string;
  readonly floor: string;
  /** Undefined for a word, and on floors that have no rooms. */
  readonly room: string | undefined;
}

/** All breaches of the rules of floors and rooms, by sources under their paths from the root (`src/keys.ts`). */
export function breachesIn(commented: ReadonlyMap<string, string>): string[] {
  const sources = new Map([...commented].map(([path, source]) => [path, source.replace(COMMENTS, '')]));
  const breaches = namesDeclaredTwice(sources);
  for (const [path, source] of sources) {
    breaches.push(...breachesOfPlace(placeOf(path), source));
    for (const [, specifier = ''] of source.matchAll(IMPORTED)) {
      const imported = fileOf(posix.join(posix.dirname(path), specifier), sources);
      const breach = breachOfImport(placeOf(path), placeOf(imported));
      if (breach) breaches.push(`${path} imports ${imported}: ${breach}`);
    }
  }
  return breaches;
}

function placeOf(path: string): Place {
  const [floor = '', room, ...below] = path.split('/');
  if (room === undefined) return { path, floor: FRONT_DOORS, room };
  return { path, floor, room: floor in ROOMS && below.length > 0 ? room : undefined };
}

// `./keys.js`, `./keys` and `./keys.ts` are one file, and `../tags` is the door of a room.
function fileOf(target: string, sources: ReadonlyMap<string, string>): string {
  const bare = target.replace(/\.[jt]s$|\/$/, '');
  if (bare === '.') return 'index.ts';
  return !sources.has(`${bare}.ts`) && sources.has(`${bare}/index.ts`) ? `${bare}/index.ts` : `${bare}.ts`;
}

function breachesOfPlace({ path, floor, room }: Place, source: string): string[] {
  const breaches: string[] = [];
  if (room !== undefined && !ROOMS[floor]?.flat().includes(room))
    breaches.push(`${path}: ${floor}/${room} has no place in the order: add it to scripts/floors/rooms.ts`);
  const isDoor = posix.basename(path) === 'index.ts' && (floor in ROOMS || floor === FRONT_DOORS);
  if (!isDoor) return breaches;
  if (room !== undefined && path.split('/').length > 3)
    breaches.push(`${path}: a folder inside a room has no door: import its files`);
  if (!ONLY_EXPORTS.test(source))
    breaches.push(`${path}: a door holds only "export { … } from": move the rest into a file of its own`);
  return breaches;
}

function breachOfImport(from: Place, to: Place): string | undefined {
  const allowed = FLOORS[from.floor];
  if (allowed && !allowed.includes(to.floor))
    return `imports go down only: ${from.floor} may import ${allowed.join(', ')}`;
  if (to.room === undefined) return undefined;
  const [room, door] = [`${to.floor}/${to.room}`, `${to.floor}/${to.room}/index.ts`];
  const isSameFloor = from.floor === to.floor;
  if (isSameFloor && from.room === to.room)
    return to.path === door ? 'a room does not use its own door: import the file behind it' : undefined;
  if (to.path !== door && !BY_FILE.includes(room))
    return `a room is entered by its door: import ${door}, and export there what is missing`;
  if (isSameFloor && rankOf(to) >= rankOf(from))
    return `${from.room ?? 'a word'} may not use ${to.room}: move what both need to an earlier room, or pass it in`;
  return undefined;
}

const rankOf = ({ floor, room }: Place): number =>
  room === undefined ? -1 : ROOMS[floor]!.findIndex((row) => row.includes(room));

function namesDeclaredTwice(sources: ReadonlyMap<string, string>): string[] {
  const files = new Map<string, Set<string>>();
  for (const [path, source] of sources) {
    if (!ONE_NAME_ONCE.includes(placeOf(path).floor)) continue;
    for (const [, name = ''] of source.matchAll(DECLARED)) {
      files.set(name, (files.get(name) ?? new Set()).add(path));
    }
  }
  return [...files]
    .filter(([, paths]) => paths.size > 1)
    .map(([name, paths]) => `${[...paths].join(', ')} each declare ${name}: rename it, or import it`);
}
