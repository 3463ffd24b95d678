import { type Channel, channel } from 'node:diagnostics_channel';

const names = [
  'admitted',
  'refused',
  'dry-run',
  'hit',
  'miss',
  'filled',
  'purged',
  'session-loaded',
  'session-saved',
  'session-destroyed',
  'session-lost',
  'unavailable',
  'recovered',
  'fallback',
  'audit',
] as const;

export type DiagnosticName = (typeof names)[number];

const channels = Object.fromEntries(
  names.map((name) => [name, channel(`express-redis-toolkit:${name}`)]),
) as Record<DiagnosticName, Channel>;

/**
 * Publishes a decision on Node's `diagnostics_channel` (`express-redis-toolkit:<name>`).
 * A function makes the details, so that nothing is built without a subscriber.
 */
export function publish(name: DiagnosticName, details: () => object): void {
  const target = channels[name];
  if (target.hasSubscribers) target.publish(details());
}
