import type { Answer } from './processes.js';

// biome-ignore lint/suspicious/noExplicitAny: each handler knows what its own caller sends.
type Handlers = Record<string, (argument: any) => unknown>;

interface Call {
  id: number;
  name: string;
  argument: unknown;
}

/** In a child process: answers the calls of the parent that forked it, and ends when that parent is gone. */
export function serve(handlers: Handlers): void {
  const all: Handlers = { ready: () => true, ...handlers };
  process.on('message', async ({ id, name, argument }: Call) => {
    process.send!(await answer(id, () => all[name]!(argument)));
  });
  process.on('disconnect', () => process.exit());
}

async function answer(id: number, run: () => unknown): Promise<Answer> {
  try {
    return { id, value: await run() };
  } catch (error) {
    return { id, error: String((error as Error).stack) };
  }
}
