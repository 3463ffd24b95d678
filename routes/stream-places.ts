import { Problem } from './problem.js';

/** Counts streams, in all and per address. `take` returns how to give the place back, or throws the answer. */
export function streamPlaces(maxClients: number, maxPerAddress: number) {
  let clients = 0;
  // As many addresses as there are streams, at most.
  const held = new Map<string, number>();

  function leave(address: string): void {
    clients--;
    const left = held.get(address)! - 1;
    if (left > 0) held.set(address, left);
    else held.delete(address);
  }

  return {
    take(address: string): () => void {
      const own = held.get(address) ?? 0;
      if (own >= maxPerAddress) throw new Problem(429, 'This address listens to events too often.');
      if (clients >= maxClients)
        throw new Problem(503, 'Too many clients listen to events. Try again later.');
      clients++;
      held.set(address, own + 1);
      return () => leave(address);
    },
  };
}
