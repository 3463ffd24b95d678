import { hostname, userInfo } from 'node:os';

/** The person at this terminal, as the system knows them. */
export function actorAtTerminal(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container may run under a number that no user has.
    return `uid ${process.getuid?.() ?? 'unknown'}@${hostname()}`;
  }
}
