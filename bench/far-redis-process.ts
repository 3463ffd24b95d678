import { serve } from '../test/support/child.js';
import { startProxy } from '../test/support/proxy.js';

let proxy: Awaited<ReturnType<typeof startProxy>>;

/** Redis seen from a distance, in a process of its own so that the delay burdens no server. */
serve({
  async start({ port, delayMs }: { port: number; delayMs: number }): Promise<number> {
    proxy = await startProxy(port);
    proxy.delay(delayMs);
    return proxy.port;
  },
  /** What arrived since the last call: with one request at a time each is a round trip. */
  writes: () => proxy.writes.splice(0).length,
});
