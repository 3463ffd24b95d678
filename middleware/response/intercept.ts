import type { Response } from 'express';
import { stateOf } from '../request-state.js';
import { applyHead } from './apply-head.js';
import { headersSentError } from './locked-head.js';

/** A call on a response that may have to wait. */
export interface Call {
  run(): unknown;
  readonly isEnd: boolean;
}

export type Methods = Pick<Response, 'writeHead' | 'write' | 'end' | 'flushHeaders'>;

/** Decides about the calls on a response. */
export interface Interceptor {
  /** The methods as they were before. */
  readonly through: Methods;
  readonly isUntouched: boolean;
  readonly isHolding: boolean;
  heldBytes: number;
  /** Whether the call may go through now; otherwise the interceptor keeps it. */
  passOrHold(call: Call): boolean;
}

declare module '../request-state.js' {
  interface RequestState {
    /** The first interceptor of the response. */
    interceptor?: Interceptor;
  }
}

export function methodsOf({ writeHead, write, end, flushHeaders }: Response): Methods {
  return { writeHead, write, end, flushHeaders };
}

/**
 * Has an interceptor decide about each call on a response. The four functions are the same for all responses: with
 * closures of its own on it, V8 carries each response over into its old space (9 KB and 20 % of a request).
 */
export function intercept(res: Response, own: Interceptor): void {
  // A second hold goes around the first, which has to find its own.
  const state = stateOf(res.req);
  const methods = state.interceptor === undefined ? FIRST : intercepted(() => own);
  state.interceptor ??= own;
  res.writeHead = methods.writeHead;
  res.write = methods.write;
  res.end = methods.end;
  res.flushHeaders = methods.flushHeaders;
}

function intercepted(interceptorOf: (res: Response) => Interceptor): Methods {
  return {
    writeHead(this: Response, ...args: unknown[]) {
      const own = interceptorOf(this);
      if (own.isHolding) {
        // Node asks for the head of what another hold, inside this one, lets go: it has passed here before.
        if (stateOf(this.req).isReleasing) return own.through.writeHead.apply(this, args as never);
        // Node's implicit head: compression up to 1.7 looks at `_header`, which asks for it again.
        if (args.length === 1 && args[0] === this.statusCode) return this;
        throw headersSentError();
      }
      const isFirst = own.isUntouched;
      if (isFirst) applyHead(this, args);
      const head = isFirst ? [this.statusCode] : args;
      const run = () => own.through.writeHead.apply(this, head as never);
      if (own.passOrHold({ run, isEnd: false })) run();
      return this;
    },
    flushHeaders(this: Response) {
      const own = interceptorOf(this);
      const run = () => own.through.flushHeaders.call(this);
      if (own.passOrHold({ run, isEnd: false })) run();
    },
    write(this: Response, ...args: unknown[]) {
      const own = interceptorOf(this);
      const run = () => own.through.write.apply(this, args as never);
      if (own.passOrHold({ run, isEnd: false })) return run();
      // As much as the next writer's own buffer takes: below that it would not say when to go on.
      own.heldBytes += (args[0] as string | Uint8Array | null)?.length ?? 0;
      return own.heldBytes < this.writableHighWaterMark;
    },
    end(this: Response, ...args: unknown[]) {
      const own = interceptorOf(this);
      const run = () => own.through.end.apply(this, args as never);
      if (own.passOrHold({ run, isEnd: true })) run();
      return this;
    },
  } as Methods;
}

const FIRST = intercepted((res) => stateOf(res.req).interceptor!);
