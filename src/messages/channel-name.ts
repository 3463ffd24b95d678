import { ToolkitError } from '../errors.js';
import { isToolkits, keys } from '../keys.js';

const ENTITY = /^([\w-]+):/;
const GLOB = /[*?[\]\\]/g;
// Redis speaks on it to those who track keys.
const INVALIDATIONS = '__redis__:invalidate';
const RELEASES = [keys().lockReleased('', ''), keys().cacheLeaseReleased('', '')];

/** @throws ToolkitError `CHANNEL_INVALID` */
export function checkChannel(factory: string, channel: unknown, prefix: string): asserts channel is string {
  const invalid = (name: unknown, why: string) =>
    new ToolkitError('CHANNEL_INVALID', `${factory}: channel ${JSON.stringify(name)} ${why}`);
  if (typeof channel !== 'string' || channel === '') throw invalid(channel, 'must be a non-empty text');
  const own = [channel, `${prefix}${channel}`].find(isOwnChannel);
  if (own !== undefined) throw invalid(own, "is one of the toolkit's own");
}

/** Whether the toolkit itself speaks on the channel. */
export function isOwnChannel(channel: string): boolean {
  return channel === INVALIDATIONS || isToolkits(ENTITY.exec(channel)?.[1] ?? '');
}

/** Whether it wakes those who wait for a lock or a lease, whose own prefix may stand in front. */
export const isRelease = (message: string, channel: string): boolean =>
  message === '' && RELEASES.some((name) => channel.includes(name));

/** A glob pattern for a prefix that may have special characters. */
export const literally = (text: string): string => text.replace(GLOB, '\\$&');
