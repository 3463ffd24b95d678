import { ToolkitError } from '../../../src/errors.js';
import { aBoolean, aFunction, aString, readOptions, type WithDefaults } from '../../../src/read-options.js';

/** Where the sessions of express-session with connect-redis lie, and what becomes of them. */
export interface SessionAdoptOptions {
  /**
   * The `prefix` of connect-redis. A `keyPrefix` of the ioredis client goes in front of it.
   * @default 'sess:'
   */
  readonly prefix?: string;
  /**
   * Delete the old copy of an adopted session. Without this it stays until its own expiry, so that the old application can
   * be started again.
   * @default false
   */
  readonly remove?: boolean;
  /**
   * Write every session in the old format too, so that processes of the old application find the sessions and changes of
   * the new ones. A change then takes two round trips more.
   * @default false
   */
  readonly mirror?: boolean;
  /**
   * Reads the text of an old session, as `serializer.parse` of connect-redis. May return a promise.
   * @default JSON.parse
   */
  readonly deserialize?: (text: string) => unknown;
  /**
   * Makes the text of an old session for `mirror`, as `serializer.stringify` of connect-redis. May return a promise.
   * @default JSON.stringify
   */
  readonly serialize?: (session: object) => string | PromiseLike<string>;
}

const defaults = {
  prefix: 'sess:',
  remove: false,
  mirror: false,
  deserialize: (text: string): unknown => JSON.parse(text),
  serialize: (session: object): string => JSON.stringify(session),
} satisfies SessionAdoptOptions;

export type AdoptSettings = WithDefaults<SessionAdoptOptions, typeof defaults>;

const checks = {
  prefix: aString,
  remove: aBoolean,
  mirror: aBoolean,
  deserialize: aFunction,
  serialize: aFunction,
};

const hints = {
  serializer: 'give its functions: { deserialize: serializer.parse, serialize: serializer.stringify }',
  client: 'leave it out: the sessions are read through the Redis of option "redis"',
};

/** @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN` */
export function readAdoptOptions(given: SessionAdoptOptions): AdoptSettings {
  const settings = readOptions('session adopt', given, checks, defaults, [], hints);
  if (settings.remove && settings.mirror) {
    throw new ToolkitError(
      'OPTION_INVALID',
      'session adopt: "remove" deletes the old copies that "mirror" writes; give one of the two',
    );
  }
  return settings;
}
