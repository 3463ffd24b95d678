import { Router } from 'express';

type Checks = Readonly<Record<string, () => Promise<void>>>;

export interface HealthRouterDeps {
  /** Without any of these the app can answer next to nothing, so it is not ready. */
  needed: Checks;
  /** Shown, and otherwise without effect: the app answers without them. */
  reported: Checks;
  deadlineMs: number;
}

/** `/live`: the process answers. `/ready`: so does each service that it cannot do without, within the deadline. */
export function healthRouter({ needed, reported, deadlineMs }: HealthRouterDeps): Router {
  const router = Router();
  router.use((_req, res, next) => {
    res.set('Cache-Control', 'no-store');
    next();
  });

  router.get('/live', (_req, res) => {
    res.json({ status: 'live' });
  });

  router.get('/ready', async (_req, res) => {
    const results = await Promise.all(
      Object.entries({ ...reported, ...needed }).map(
        async ([name, check]) => [name, await outcome(check, deadlineMs)] as const,
      ),
    );
    const ready = results.every(([name, state]) => state === 'up' || !Object.hasOwn(needed, name));
    res.status(ready ? 200 : 503);
    res.json({ status: ready ? 'ready' : 'unavailable', checks: Object.fromEntries(results) });
  });

  return router;
}

async function outcome(check: () => Promise<void>, deadlineMs: number): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<'down'>((resolve) => {
    timer = setTimeout(resolve, deadlineMs, 'down');
  });
  const answer = Promise.resolve()
    .then(check)
    .then(
      () => 'up' as const,
      () => 'down' as const,
    );
  return Promise.race([answer, deadline]).finally(() => clearTimeout(timer));
}
