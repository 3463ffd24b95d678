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

let [requests, originCalls] = [0, 0];

async function kitOf(variant: Variant, url: string): Promise<Kit> {
  if (variant === 'peers') return peers(url);
  if (variant === 'send' || variant === 'end') return bare(variant);
  return ours(url, variant);
}

serve({
  async listen({ variant, skipping, behindProxy }: Listen): Promise<number> {
    const kit = await kitOf(variant, process.env.REDIS_URL!);
    const app = skipping ? routesWithSkip(kit) : routes(kit, () => originCalls++);
    if (behindProxy) app.set('trust proxy', 1);
    const server = app.listen(0, '127.0.0.1');
    server.on('request', () => requests++);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  usage(): Usage {
    const { user, system } = process.cpuUsage();
    return { cpuUs: user + system, rssBytes: process.memoryUsage.rss(), requests, originCalls };
  },
  end: () => process.exit(),
});
