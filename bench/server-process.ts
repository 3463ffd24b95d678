import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '../test/support/child.js';
import { bare } from './apps/bare.js';
import type { Kit } from './apps/kit.js';
import { ours } from './apps/ours.js';
import { peers } from './apps/peers.js';
import { routes, routesWithSkip } from './apps/routes.js';
import type { Variant } from './variants.js';

export interface Usage {
  cpuUs: number;
  rssBytes: number;
  requests: number;
  originCalls: number;
}

export interface Listen {
  variant: Variant;
  skipping: boolean;
  behindProxy: boolean;
}

export interface Made {
  bytes: number;
  ms: number;
}

const LIMIT_OF_FIRST = 1_000;

let [requests, originCalls] = [0, 0];
let listening: Variant = 'send';

async function kitOf(variant: Variant, url: string): Promise<Kit> {
  if (variant === 'peers') return peers(url);
  if (variant === 'send' || variant === 'end') return bare(variant);
  return ours(url, variant);
}

serve({
  async listen({ variant, skipping, behindProxy }: Listen): Promise<number> {
    listening = variant;
    const kit = await kitOf(variant, process.env.REDIS_URL!);
    const app = skipping ? routesWithSkip(kit) : routes(kit, () => originCalls++);
    if (behindProxy) app.set('trust proxy', 1);
    const server = app.listen(0, '127.0.0.1');
    server.on('request', () => requests++);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  async makeLimiters(count: number): Promise<Made> {
    const kit = await kitOf(listening, process.env.REDIS_URL!);
    const used = () => {
      global.gc!();
      const { heapUsed, external, arrayBuffers } = process.memoryUsage();
      return heapUsed + external + arrayBuffers;
    };
    const limiters: unknown[] = [kit.limiter(LIMIT_OF_FIRST)];
    const before = used();
    const began = performance.now();
    for (let n = 1; n <= count; n++) limiters.push(kit.limiter(LIMIT_OF_FIRST + n));
    const ms = performance.now() - began;
    return { bytes: limiters.length > count ? used() - before : 0, ms };
  },
  usage(): Usage {
    const { user, system } = process.cpuUsage();
    return { cpuUs: user + system, rssBytes: process.memoryUsage.rss(), requests, originCalls };
  },
  end: () => process.exit(),
});
