import type { Request } from 'express';
import type { StoredSession } from '../../src/sessions/index.js';
import { copyConverter } from './adopt/convert-copy.js';
import { AdoptionRefusals } from './adopt/refusals.js';
import type { SignedId } from './cookie/signed-cookie.js';
import type { LoadedSession, SessionInstance } from './request-context.js';

/** Finds the session of a request; undefined when no cookie has a valid signature. */
export type SessionFinder = (req: Request) => Promise<LoadedSession | undefined> | undefined;

/** Makes the finder of an instance. */
export function sessionFinder(instance: SessionInstance): SessionFinder {
  const { signedIdsOf } = instance;
  const { adopt, logger, name } = instance.settings;
  const refusals = adopt && new AdoptionRefusals(logger, name);
  return (req) => {
    const candidates = signedIdsOf(req);
    if (candidates.length > 0) return loadFirst(loaderFor(instance, req, refusals), candidates);
    refusals?.unsigned(req);
    return undefined;
  };
}

/** Loads the first session that exists. All candidates are asked for in one write. */
async function loadFirst(
  load: (id: string) => Promise<StoredSession | undefined>,
  candidates: readonly SignedId[],
): Promise<LoadedSession | undefined> {
  if (candidates.length === 1) {
    const stored = await load(candidates[0]!.id);
    return stored && { ...candidates[0]!, stored };
  }
  const results = await Promise.allSettled(candidates.map(({ id }) => load(id)));
  for (const [position, result] of results.entries()) {
    if (result.status === 'rejected') throw result.reason;
    const { value: stored } = result;
    if (stored) return { ...candidates[position]!, stored };
  }
  return undefined;
}

function loaderFor(
  { settings, store }: SessionInstance,
  req: Request,
  refusals: AdoptionRefusals | undefined,
): (id: string) => Promise<StoredSession | undefined> {
  if (!refusals) return (id) => store.load(id, undefined, req);
  const convert = copyConverter(settings, req);
  return (id) => store.load(id, convert, req).catch((error) => refusals.unusable(error, id));
}
