export type { EventStream } from './event-stream.js';
export type { EventsOptions, ListenerOptions, PublisherOptions, SubscriberOptions } from './options.js';
export { type Publisher, publisher } from './publisher.js';
export { type Subscriber, subscriber } from './subscriber.js';
