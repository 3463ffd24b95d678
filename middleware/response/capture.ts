import type { Response } from 'express';
import { setImmediate } from '../../src/timers.js';
import { applyHead } from './apply-head.js';

/** What becomes of a response whose head is complete. */
export interface Verdict {
  /** The body's bytes are wanted. */
  readonly keep: boolean;
  /** Answers the client in place of the handler, whose own bytes are not sent. */
  readonly instead?: () => void;
}

export interface Capture {
  readonly maxBodyBytes: number;
  /** Called when the head is complete, before anything is sent. */
  onHead(): Verdict;
  /** Called as soon as there are more bytes than are kept. */
  onTooLarge(): void;
  /** Called when the handler has said all, with its bytes, or with nothing when they are too many or too few. */
  onBody(body: Buffer | undefined): void;
}

/** Copies what a handler sends, without holding it back. Past `maxBodyBytes` the copy is dropped. */
export function captureResponse(res: Response, { maxBodyBytes, onHead, onTooLarge, onBody }: Capture): void {
  const { writeHead, write, end, flushHeaders } = res;
  const copy = bodyCopy(maxBodyBytes, onTooLarge);
  let state = 'untouched' as 'untouched' | 'sent' | 'replaced';
  let declared: unknown;
  let ended = false;

  const isReplaced = () => state === 'replaced';

  const begin = () => {
    if (state !== 'untouched') return;
    state = 'sent';
    declared = res.getHeader('content-length');
    const { keep, instead } = onHead();
    if (keep) copy.start();
    if (!instead) return;
    const watched = {
      writeHead: res.writeHead,
      write: res.write,
      end: res.end,
      flushHeaders: res.flushHeaders,
    };
    Object.assign(res, { writeHead, write, end, flushHeaders });
    instead();
    Object.assign(res, watched);
    state = 'replaced';
  };
  // What Node refuses (a number as body, a line break in the status message) is answered by an error page: its bytes
  // do not belong to the head that was judged.
  const pass = <Result>(run: () => Result): Result => {
    try {
      return run();
    } catch (error) {
      copy.drop();
      throw error;
    }
  };
  const finish = () => {
    if (ended) return;
    ended = true;
    // A handler that promised more than it sent was cut short.
    const isWhole = declared === undefined || Number(declared) === copy.bytes();
    onBody(isWhole ? copy.whole() : undefined);
  };

  res.writeHead = function capturedWriteHead(...args: unknown[]) {
    const first = state === 'untouched';
    if (first) {
      applyHead(res, args);
      begin();
    }
    if (isReplaced()) return res;
    return pass(() => (first ? writeHead.call(res, res.statusCode) : writeHead.apply(res, args as never)));
  } as typeof res.writeHead;
  res.flushHeaders = () => {
    begin();
    if (!isReplaced()) flushHeaders.call(res);
  };
  res.write = ((...args: unknown[]) => {
    begin();
    return pass(() => {
      copy.add(args[0], args[1]);
      return isReplaced() ? called(args) : write.apply(res, args as never);
    });
  }) as typeof res.write;
  res.end = ((...args: unknown[]) => {
    begin();
    pass(() => {
      copy.add(args[0], args[1]);
      if (isReplaced()) called(args);
      else end.apply(res, args as never);
    });
    // What the client did not stay for may be whole nevertheless; what was destroyed is not.
    if (isReplaced() || !res.destroyed) finish();
    return res;
  }) as typeof res.end;
}

// Who waits for a write that is not sent must not wait for ever.
function called(args: readonly unknown[]): true {
  const callback = args.findLast((argument) => typeof argument === 'function');
  if (callback) setImmediate(callback as () => void);
  return true;
}

function bodyCopy(maxBytes: number, onTooLarge: () => void) {
  let chunks: Buffer[] | undefined;
  let bytes = 0;
  return {
    start() {
      chunks = [];
    },
    add(chunk: unknown, encoding: unknown) {
      if (!chunks || chunk === undefined || chunk === null || typeof chunk === 'function') return;
      // A copy: the caller may reuse its buffer once the write is through.
      const copied =
        typeof chunk === 'string'
          ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
          : Buffer.from(chunk as Uint8Array);
      bytes += copied.length;
      if (bytes <= maxBytes) return void chunks.push(copied);
      chunks = undefined;
      onTooLarge();
    },
    drop() {
      chunks = undefined;
    },
    bytes: () => bytes,
    whole: () => chunks && Buffer.concat(chunks, bytes),
  };
}
