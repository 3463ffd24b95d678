import { startPostgres } from '../../server/services/postgres.js';
import { startRedis } from '../../server/services/redis.js';
import { startKeeper } from '../../src/testing/keeper.js';
import { serve } from './child.js';

// A process that starts services and is then killed, for the tests of what it leaves behind.
serve({
  startRedis: async () => (await startRedis()).pid,
  startPostgres: async () => (await startPostgres()).pid,
  beginPostgres: () => void startPostgres(),
  startKeeper: () => startKeeper().directory,
});
