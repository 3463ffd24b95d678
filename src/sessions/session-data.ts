/**
 * What the application keeps in a session. Augment it with your own properties:
 *
 * @example
 * declare module 'express-redis-toolkit' {
 *   interface SessionData { userId?: string }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: it exists to be augmented
export interface SessionData {}
