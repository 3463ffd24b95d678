import { once } from 'node:events';
import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator } from '../middleware/rate-limit/index.js';
import { streamPlaces } from './stream-places.js';
import type { UserEvents } from './user-events.js';

const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // nginx would collect what it proxies.
  'X-Accel-Buffering': 'no',
};

export interface StreamUserEventsOptions {
  events: UserEvents;
  /** Streams that this process serves at once. */
  maxClients?: number;
  /** Streams of them that one address may hold, as the limits see addresses: of IPv6 a /56. */
  maxPerAddress?: number;
  /** Proxies close a connection on which nothing comes, often after a minute. */
  keepAliveMs?: number;
  /** For how long a client may take nothing of what it was sent. */
  stalledMs?: number;
}

/**
 * User changes as server-sent events. There is no `Last-Event-ID`: who was away reads the users anew, and so does who
 * gets the event `gap`.
 */
export function streamUserEvents(options: StreamUserEventsOptions): RequestHandler {
  const { maxClients = 100, maxPerAddress = 10 } = options;
  const places = streamPlaces(maxClients, maxPerAddress);
  const placeFor = (req: Request, res: Response) => {
    try {
      return places.take(ipKeyGenerator(req.ip ?? ''));
    } catch (error) {
      res.set('Retry-After', '10');
      throw error;
    }
  };

  return async (req, res) => {
    if (req.method === 'HEAD') {
      res.set(HEADERS).end();
      return;
    }
    // Gone while the limiter was asked: its `close` has been, and would never give the place back.
    if (res.destroyed) return;
    const leave = placeFor(req, res);
    const gone = new AbortController();
    res.once('close', () => {
      leave();
      gone.abort();
    });
    await sendEvents(res, gone.signal, options);
  };
}

async function sendEvents(
  res: Response,
  gone: AbortSignal,
  { events, keepAliveMs = 15_000, stalledMs = 30_000 }: StreamUserEventsOptions,
): Promise<void> {
  const stream = events.stream(gone);
  await stream.ready.catch((error: Error) => {
    // The client is gone, or the server about to go: the stream ends as it begins.
    if (error.name !== 'AbortError') throw error;
  });
  res.set(HEADERS).write(': listening\n\n');
  const keepAlive = setInterval(() => void res.write(': keep-alive\n\n'), keepAliveMs);
  const forgetGaps = events.onGap(() => void res.write('event: gap\ndata: {}\n\n'));
  try {
    for await (const event of stream) {
      // A client that does not read has its events wait in the bounded stream, not in the socket.
      if (!res.write(`event: ${event.type}\ndata: ${JSON.stringify({ id: event.id })}\n\n`)) {
        const stalled = setTimeout(() => res.destroy(), stalledMs);
        await once(res, 'drain', { signal: gone }).finally(() => clearTimeout(stalled));
      }
    }
  } catch {
    // It read too slowly, or is gone. A browser connects again by itself.
  } finally {
    clearInterval(keepAlive);
    forgetGaps();
    res.end();
  }
}
