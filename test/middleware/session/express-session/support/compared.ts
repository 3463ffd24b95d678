import type { Express, RequestHandler } from 'express';
import { expect } from 'vitest';
import type { redisForFile } from '../../../support/redis-for-file.js';
import { data } from '../../support/session-client.js';
import { KINDS, type Kind, serveKind } from '../../support/session-kinds.js';

/** An app and the requests of a browser, to run on express-session and on ours. */
export interface Scene {
  readonly options?: object;
  /** Mounted before the session. */
  readonly before?: (app: Express) => void;
  readonly routes?: (app: Express) => void;
  /** The handler of `/act`. `/write` increments a counter in the session, and `/read` sends it. */
  readonly act?: RequestHandler;
  /** The paths to request; each list by its own browser. */
  readonly asks?: readonly (readonly string[])[];
  readonly init?: RequestInit;
}

const OURS_BY_DEFAULT = { sameSite: 'lax', secure: 'auto' };

/** Expects the same answers from both: status, body, and every cookie with its attributes. */
export async function expectAlike(file: ReturnType<typeof redisForFile>, scene: Scene): Promise<void> {
  const [theirs, ours] = [await play(KINDS[0]!, file, scene), await play(KINDS[1]!, file, scene)];
  expect(ours).toEqual(theirs);
}

async function play(kind: Kind, file: ReturnType<typeof redisForFile>, scene: Scene): Promise<object[]> {
  const given = (scene.options ?? {}) as { cookie?: object };
  const cookie = typeof given.cookie === 'function' ? given.cookie : { ...OURS_BY_DEFAULT, ...given.cookie };
  const { client } = await serveKind(
    kind,
    file.redis,
    kind === 'ours' ? given : ({ ...given, cookie } as object),
    (app) => {
      app.get('/write', (req, res) => {
        data(req).count = (data(req).count ?? 0) + 1;
        res.send(String(data(req).count));
      });
      app.get('/read', (req, res) => void res.send(String(data(req)?.count ?? null)));
      scene.routes?.(app);
      if (scene.act) app.all('/act', scene.act);
    },
    scene.before,
  );
  const answers: object[] = [];
  for (const paths of scene.asks ?? [
    ['/act', '/read', '/write'],
    ['/write', '/act', '/read'],
  ]) {
    const one = client();
    for (const path of paths) {
      const { status, text, headers } = await one.get(path, scene.init);
      const location = headers.get('location');
      answers.push({ path, status, text, location, cookies: headers.getSetCookie().map(comparable) });
    }
  }
  return answers;
}

// Ids differ. Lifetimes are compared in hours, so that a slow machine makes no difference.
function comparable(line: string): string {
  const [pair = '', ...attributes] = line.split('; ');
  const hours = (date: string) => Math.round((Date.parse(date) - Date.now()) / 3_600_000);
  // Only ours has Max-Age, which does not depend on the browser's clock; express-session has Expires alone.
  const common = attributes.filter((each) => !each.startsWith('Max-Age='));
  const alike = common.map((each) =>
    each.startsWith('Expires=') ? `Expires in ${hours(each.slice(8))} h` : each,
  );
  return [pair.replace(/sid=s%3A.*/, 'sid=<id>'), ...alike.sort()].join('; ');
}
