import type { Response } from 'express';
import { applyHead } from './apply-head.js';

export interface Capture {
  readonly maxBodyBytes: number;
  /** Called when the head is complete, before anything is sent; says whether the body is wanted. */
  onHead(): boolean;
  /** Called after the response was sent whole, with the bytes that the handler wrote. */
  onBody(body: Buffer): void;
}

/** Copies what a handler sends, without holding it back. Past `maxBodyBytes` the copy is dropped. */
export function captureResponse(res: Response, { maxBodyBytes, onHead, onBody }: Capture): void {
  const { writeHead, write, end } = res;
  let chunks: Buffer[] | undefined;
  let bytes = 0;
  let begun = false;

  const begin = () => {
    if (begun) return;
    begun = true;
    if (onHead()) chunks = [];
  };

  const keep = (chunk: unknown, encoding: unknown) => {
    if (!chunks || chunk === undefined || chunk === null || typeof chunk === 'function') return;
    // A copy: the caller may reuse its buffer once the write is through.
    const copy =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : Buffer.from(chunk as Uint8Array);
    bytes += copy.length;
    if (bytes > maxBodyBytes) chunks = undefined;
    else chunks.push(copy);
  };

  res.writeHead = function capturedWriteHead(...args: unknown[]) {
    if (begun) return writeHead.apply(res, args as never);
    applyHead(res, args);
    begin();
    return writeHead.call(res, res.statusCode);
  } as typeof res.writeHead;
  res.write = ((...args: unknown[]) => {
    begin();
    keep(args[0], args[1]);
    return write.apply(res, args as never);
  }) as typeof res.write;
  res.end = ((...args: unknown[]) => {
    begin();
    keep(args[0], args[1]);
    return end.apply(res, args as never);
  }) as typeof res.end;

  res.once('finish', () => {
    if (!chunks) return;
    const declared = res.getHeader('content-length');
    // A handler that promised more than it sent was cut short.
    if (declared !== undefined && Number(declared) !== bytes) return;
    onBody(Buffer.concat(chunks, bytes));
  });
}
