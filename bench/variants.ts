/** What is measured against what, in the order of the table. */
export const VARIANTS = {
  peers: 'express-rate-limit, express-session, ioredis',
  stack: 'ours, in one stack',
  separate: 'ours, one by one',
  validated: 'ours, near cache validated',
  tracked: 'ours, near cache tracked',
  send: 'bare Express, res.send',
  end: 'bare Express, res.end',
  ops: 'ours, with ops that nobody looks at',
  watched: 'ours, with ops that somebody looks at',
  listened: 'ours, with a listener on each channel',
} as const;

export type Variant = keyof typeof VARIANTS;

export const usesRedis = (variant: Variant): boolean => variant !== 'send' && variant !== 'end';

/** A Redis database for each, so that none finds what another has left. */
export const databaseOf = (variant: Variant): number => Object.keys(VARIANTS).indexOf(variant);
