export { type Environment, findProgram, findRedis } from './find-program.js';
export { onFreePort } from './free-port.js';
export { type Keeper, startKeeper } from './keeper.js';
export { type RunningRedis, type StartRedisOptions, startRedisServer } from './redis-server.js';
export { type Account, runService, runToEnd, type ServiceProcess } from './service-process.js';
export { type TestRedis, testRedis } from './test-redis.js';
export { startTestServer, type TestServer } from './test-server.js';
