import { startServices } from '../../server/services/start-services.js';
import { serve } from './child.js';
import { childrenOf } from './system.js';

serve({
  async startAndStop(given: { redisUrl?: string; databaseUrl?: string }) {
    const lines: string[] = [];
    const { redisUrl, databaseUrl, stop } = await startServices(given, (line) => lines.push(line));
    const children = childrenOf(process.pid).filter(({ command }) =>
      /redis|postgres|keeper/.test(command),
    ).length;
    await stop();
    const loaded = Object.keys(require.cache).filter((file) =>
      /services\/(redis|postgres)|embedded/.test(file),
    );
    return { redisUrl, databaseUrl, lines, children, loaded };
  },
});
