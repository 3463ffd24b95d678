export { hangUp } from './dial.js';
export { SteadyLine } from './reconnecting-connection.js';
export { EXPIRED_AFTER_MS, type Releases, releasesOn, settlesWithin } from './release-signal.js';
export { isRefusal } from './single-connection.js';
export { type SubscriberConnection, subscriberConnectionOf } from './subscriber-connection.js';
