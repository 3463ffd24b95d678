import { ToolkitError } from '../errors.js';
import { isToolkits, keys } from '../keys.js';
import { givenName } from '../kind-of.js';

const ENTITY = /^([\w-]+):/;
const GLOB = /[*?[\]\\]/g;
// The channel on which Redis sends the messages of CLIENT TRACKING.
const INVALIDATIONS = '__redis__:invalidate';
const RELEASES = [keys().lockReleased('', ''), keys().cacheLeaseReleased('', '')];

/** @throws ToolkitError `CHANNEL_INVALID` */
export function checkChannel(factory: string, channel: unknown, prefix: string): asserts channel is string {
  const invalid = (name: unknown, why: string) =>
    new ToolkitError('CHANNEL_INVALID', `${factory}: channel ${givenName(name)} ${why}`);
  if (typeof channel !== 'string' || channel === '') throw invalid(channel, 'must be a non-empty text');
  const own = [channel, `${prefix}${channel}`].find(isOwnChannel);
  if (own !== undefined) throw invalid(own, "is one of the toolkit's own");
}

/** Whether it is one of the toolkit's own channels. */
export function isOwnChannel(channel: string): boolean {
  return channel === INVALIDATIONS || isToolkits(ENTITY.exec(channel)?.[1] ?? '');
}

/** Whether it is the message that a lock or a lease was released. Their own prefix may be in front of the channel. */
export const isRelease = (message: string, channel: string): boolean =>
  message === '' && RELEASES.some((name) => channel.includes(name));

/** A glob pattern for a prefix that may have special characters. */
export const literally = (text: string): string => text.replace(GLOB, '\\$&');
