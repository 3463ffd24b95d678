import { once } from 'node:events';
import type { RequestHandler } from 'express';
import { Problem } from './problem.js';
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
  /** Proxies close a connection on which nothing comes, often after a minute. */
  keepAliveMs?: number;
  /** For how long a client may take nothing of what it was sent. */
  stalledMs?: number;
}

/**
 * User changes as server-sent events. There is no `Last-Event-ID`: who was away reads the users anew, and so does who
 * gets the event `gap`.
 */
export function streamUserEvents({
  events,
  maxClients = 100,
  keepAliveMs = 15_000,
  stalledMs = 30_000,
}: StreamUserEventsOptions): RequestHandler {
  let clients = 0;

  return async (req, res) => {
    if (req.method === 'HEAD') {
      res.set(HEADERS).end();
      return;
    }
    if (clients >= maxClients) {
      res.set('Retry-After', '10');
      throw new Problem(503, 'Too many clients listen to events. Try again later.');
    }
    clients++;
    const gone = new AbortController();
    res.once('close', () => {
      clients--;
      gone.abort();
    });
    const stream = events.stream(gone.signal);
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
          await once(res, 'drain', { signal: gone.signal }).finally(() => clearTimeout(stalled));
        }
      }
    } catch {
      // It read too slowly, or is gone. A browser connects again by itself.
    } finally {
      clearInterval(keepAlive);
      forgetGaps();
      res.end();
    }
  };
}
