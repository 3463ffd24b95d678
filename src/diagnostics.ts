import { channel } from 'node:diagnostics_channel';

const names = [
  'admitted',
  'refused',
  'hit',
  'miss',
  'filled',
  'bypassed',
  'purged',
  'session-loaded',
  'session-saved',
  'session-destroyed',
  'unavailable',
  'recovered',
] as const;

export type DiagnosticName = (typeof names)[number];

const channels = Object.fromEntries(
  names.map((name) => [name, channel(`express-redis-toolkit:${name}`)]),
) as Record<DiagnosticName, ReturnType<typeof channel>>;

/**
 * Publishes a decision on Node's `diagnostics_channel` (`express-redis-toolkit:<name>`).
 * The details are made by a function, so that nothing is built when nobody listens.
 */
export function publish(name: DiagnosticName, details: () => object): void {
  const target = channels[name];
  if (target.hasSubscribers) target.publish(details());
}
