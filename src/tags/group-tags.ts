const GROUP = 'group:';

/**
 * The tag of a cache group (RFC 9875) of one origin, e.g. `https://example.com`. The origin has no slash at its end and the
 * name none at all, so no group poses as one of another origin. `checkTags` keeps the namespace from application tags.
 */
export const groupTag = (origin: string, name: string): string =>
  `${GROUP}${origin}/${encodeURIComponent(name)}`;

export const isGroupTag = (tag: string): boolean => tag.startsWith(GROUP);
