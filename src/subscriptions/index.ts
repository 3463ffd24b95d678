export type { SubscriberConnection } from './connection-api.js';
export { type Look, lookUntilReleased } from './look-again.js';
export { ReconnectingConnection } from './reconnecting-connection.js';
export { EXPIRED_AFTER_MS, type Releases, releasesOn, settlesWithin } from './release-signal.js';
export { isRefusal } from './single-connection.js';
export { subscriberConnectionOf } from './subscriber-connection.js';
