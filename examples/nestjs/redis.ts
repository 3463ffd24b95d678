/** The token of the one ioredis client. */
export const REDIS = Symbol('redis');
