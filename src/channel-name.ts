import { ToolkitError } from './errors.js';
import { isToolkits } from './keys.js';

const ENTITY = /^([\w-]+):/;
const GLOB = /[*?[\]\\]/g;
// Redis speaks on it to those who track keys.
const INVALIDATIONS = '__redis__:invalidate';

/** @throws ToolkitError `CHANNEL_INVALID` */
export function checkChannel(factory: string, channel: unknown): asserts channel is string {
  const isText = typeof channel === 'string' && channel !== '';
  if (isText && !isOwnChannel(channel)) return;
  const why = isText ? "is one of the toolkit's own" : 'must be a non-empty text';
  throw new ToolkitError('CHANNEL_INVALID', `${factory}: channel ${JSON.stringify(channel)} ${why}`);
}

/** Whether the toolkit itself speaks on the channel. */
export function isOwnChannel(channel: string): boolean {
  return channel === INVALIDATIONS || isToolkits(ENTITY.exec(channel)?.[1] ?? '');
}

/** A glob pattern for a prefix that may have special characters. */
export const literally = (text: string): string => text.replace(GLOB, '\\$&');
