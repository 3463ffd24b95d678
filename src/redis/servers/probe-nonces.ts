import { randomUUID } from 'node:crypto';

// Nonces of probes that are unanswered.
const unanswered = new Set<string>();

export function newNonce(): string {
  const nonce = randomUUID();
  unanswered.add(nonce);
  return nonce;
}

export const forgetNonce = (nonce: string): void => void unanswered.delete(nonce);

/**
 * Whether a command has got the reply to a probe: then a reply was lost on the way, and every command on the connection
 * would get the reply to another.
 */
export function isReplyToProbe(reply: unknown): boolean {
  if (unanswered.size === 0) return false;
  if (typeof reply === 'string') return unanswered.has(reply);
  return Buffer.isBuffer(reply) && unanswered.has(reply.toString('latin1'));
}
