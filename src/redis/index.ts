export type { Ask } from './ask.js';
export {
  type CloseRedisOptions,
  type ConnectRedisOptions,
  closeRedis,
  connectRedis,
  ping,
  type RedisClient,
} from './connect.js';
export { connectServers } from './connect-servers.js';
export { Deadlines } from './deadlines.js';
export { failed, misconfigurationOf, refusesWrites, unavailable } from './failures.js';
export { NumbersOnServers, routeToEachServer } from './key-on-same-server.js';
export { linkTo, type RedisLink } from './link.js';
export { OwedReleases } from './owed-releases.js';
export { replicasOf } from './replicas.js';
export { collectForgetters, whenReset } from './reset-for-tests.js';
export { type ReadWithRun, readWithRunOf } from './restart-detection.js';
export { labelledScript, loadScript, type Script } from './scripts.js';
export { Availability } from './servers/outage-detection.js';
export { connectAnother, hangUp } from './servers/second-connection.js';
export { type ShareQuestion, sharedQuestions } from './shared-questions.js';
export { withoutArguments } from './without-arguments.js';
