/** Names of the cookies that `session` sets in this process: they alone tell no handler but its own who somebody is. */
export const ownCookies = new Set<string>();
