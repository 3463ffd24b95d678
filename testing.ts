export { startTestServer, type TestRedis, type TestServer, testRedis } from './src/testing/index.js';
