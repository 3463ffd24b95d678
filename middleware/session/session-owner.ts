import type { Request } from 'express';
import { isThenable } from '../../src/settle.js';
import { A_USER, resultError, userNameOf } from './callback-results.js';
import type { Session } from './session-object.js';

/** The id of a user. */
export type SessionUser = string | number | bigint;

export type UserOption = (session: Session) => SessionUser | null | undefined;
export type DeviceOption = (req: Request) => Readonly<Record<string, string | undefined>>;

const MAX_DEVICE_VALUE_LENGTH = 256;

/** The id of the session's user as text; undefined for a session that belongs to no user. */
export function askUser(option: UserOption, session: Session): string | undefined {
  const user: unknown = option(session);
  if (user === undefined || user === null || user === '') return undefined;
  const name = userNameOf(user);
  if (name === undefined) throw resultError('user', `${A_USER}, or undefined`, user);
  return name;
}

/** The JSON that describes the device of a login. */
export function askDevice(option: DeviceOption | undefined, req: Request): string | undefined {
  const device: unknown = option?.(req);
  if (device === undefined || device === null) return undefined;
  if (typeof device !== 'object' || Array.isArray(device) || isThenable(device)) {
    throw resultError('device', 'an object of texts', device);
  }
  const values = Object.entries(device).filter(([, value]) => value !== undefined && value !== null);
  return JSON.stringify(Object.fromEntries(values.map(([name, value]) => [name, deviceText(name, value)])));
}

function deviceText(name: string, value: unknown): string {
  if (!['string', 'number', 'boolean', 'bigint'].includes(typeof value)) {
    throw resultError('device', 'an object of texts', value, ` as "${name}"`);
  }
  return String(value).slice(0, MAX_DEVICE_VALUE_LENGTH);
}
