import type { Response } from 'express';
import { stateOf } from '../request-state.js';

const MUTATORS = ['setHeader', 'appendHeader', 'removeHeader', 'setHeaders'] as const;

declare module '../request-state.js' {
  interface RequestState {
    /** The toolkit is changing the head of the held response. */
    isAmending?: boolean;
  }
}

/** A head as a handler left it, which nobody but the holder may change any more. */
export interface LockedHead {
  /** Gives the head back as it was left, with what was amended. */
  unlock(): void;
}

export function headersSentError(): Error {
  const message = 'Cannot set headers after they are sent to the client';
  return Object.assign(new Error(message), { code: 'ERR_HTTP_HEADERS_SENT' });
}

/**
 * Makes a response that is held look sent: an error after `res.end()` must not start a second answer, and a handler
 * that goes on setting status or headers must not change the first one.
 */
export function lockHead(res: Response): LockedHead {
  const { statusCode, statusMessage } = res;
  Object.defineProperty(res, 'headersSent', { value: true, configurable: true });
  const own = MUTATORS.map((name) => [name, Object.getOwnPropertyDescriptor(res, name)] as const);
  for (const name of MUTATORS) {
    const mutate = res[name] as (...args: unknown[]) => unknown;
    Object.defineProperty(res, name, {
      configurable: true,
      writable: true,
      value(...args: unknown[]) {
        if (!stateOf(res.req).isAmending) throw headersSentError();
        return mutate.apply(res, args);
      },
    });
  }
  return {
    unlock() {
      delete (res as { headersSent?: boolean }).headersSent;
      for (const [name, descriptor] of own) {
        if (descriptor) Object.defineProperty(res, name, descriptor);
        else Reflect.deleteProperty(res, name);
      }
      res.statusCode = statusCode;
      res.statusMessage = statusMessage;
    },
  };
}

/** Changes the head of a response although it may be held, e.g. adds the cookie of a session that was just stored. */
export function amendHead(res: Response, change: () => void): void {
  const state = stateOf(res.req);
  state.isAmending = true;
  try {
    change();
  } finally {
    state.isAmending = false;
  }
}
