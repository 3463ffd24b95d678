import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

export interface PasswordCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

// OWASP's second choice (2^15, 8, 3): as strong as 2^17, 8, 1 with 32 MiB a hash instead of 128.
const COST: PasswordCost = { N: 2 ** 15, r: 8, p: 3 };
const MAX_MEMORY = 64 * 1024 * 1024;
const BYTES = 32;

/** Returns `scrypt$N$r$p$salt$key`: the cost is kept, so that it can be raised without losing old passwords. */
export async function hashPassword(password: string, cost = COST): Promise<string> {
  const salt = randomBytes(16);
  return written(cost, salt, await derive(password, salt, BYTES, { ...cost, maxmem: MAX_MEMORY }));
}

export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [scheme, N, r, p, salt, key] = hash.split('$');
  if (scheme !== 'scrypt' || !salt || !key)
    throw new Error('the stored password hash is not scrypt$N$r$p$salt$key');
  const expected = Buffer.from(key, 'base64url');
  const cost = { N: Number(N), r: Number(r), p: Number(p), maxmem: MAX_MEMORY };
  const actual = await derive(password, Buffer.from(salt, 'base64url'), expected.length, cost);
  return timingSafeEqual(actual, expected);
}

/** A hash that no password has, as dear to check as a real one. */
export function impossibleHash(cost = COST): string {
  return written(cost, randomBytes(16), randomBytes(BYTES));
}

const written = ({ N, r, p }: PasswordCost, salt: Buffer, key: Buffer) =>
  ['scrypt', N, r, p, salt.toString('base64url'), key.toString('base64url')].join('$');
