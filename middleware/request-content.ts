import type { Request } from 'express';
import { clearTimeout, setTimeout } from '../src/timers.js';

/** Why the content of a request could not be read. */
export type ContentFailure = 'too large' | 'too slow' | 'broken';

/**
 * Reads the content of a request, and puts it back for whoever parses it later. Reading is bounded in bytes and time. The
 * content must not have been read before.
 */
export function readContent(
  req: Request,
  { maxBytes, timeoutMs }: { readonly maxBytes: number; readonly timeoutMs: number },
): Promise<Buffer | ContentFailure> {
  if (!carriesContent(req)) return Promise.resolve(Buffer.alloc(0));
  if (Number(req.headers['content-length']) > maxBytes) return Promise.resolve('too large');
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (failure?: ContentFailure) => {
      clearTimeout(timer);
      req.removeListener('readable', onReadable);
      req.removeListener('close', onClose);
      const content = Buffer.concat(chunks, bytes);
      // In the tick of the last read: a stream that has ended takes nothing back.
      if (bytes > 0 && !req.destroyed) req.unshift(content);
      resolve(failure ?? content);
    };
    const onReadable = () => {
      // Nothing is read when nothing is there: that would end the stream before its parser listens.
      while (req.readableLength > 0) {
        const chunk = req.read() as Buffer | null;
        if (chunk === null) break;
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > maxBytes) return finish('too large');
      }
      if (req.complete) finish();
    };
    const onClose = () => finish('broken');
    const timer = setTimeout(() => finish('too slow'), timeoutMs);
    req.on('readable', onReadable);
    req.on('close', onClose);
    if (req.readableLength > 0 || req.complete) onReadable();
  });
}

function carriesContent({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
