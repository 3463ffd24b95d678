import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { onTestFinished } from 'vitest';

/** Requests and calls of the running test that did without Redis, each as "middleware reason what it did". */
export function fallbacks(): string[] {
  const seen: string[] = [];
  const note = (event: unknown) => {
    const { middleware, reason, onUnavailable } = event as Record<string, string>;
    seen.push(`${middleware} ${reason} ${onUnavailable}`);
  };
  subscribe('express-redis-toolkit:fallback', note);
  onTestFinished(() => void unsubscribe('express-redis-toolkit:fallback', note));
  return seen;
}
