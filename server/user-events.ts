import type { Logger } from 'pino';
import { publisher, type RedisClient, subscriber } from '../index.js';
import type { UserEvent, UserEvents } from '../routes/user-events.js';

type Channels = { 'user-events': UserEvent };

/** User events over Redis, so that clients of every process hear of them. `close` ends all streams. */
export function createUserEvents(redis: RedisClient, logger: Logger): UserEvents & { close(): void } {
  const { publish } = publisher<Channels>(redis, { logger });
  const listening = subscriber<Channels>(redis, { logger });
  const closed = new AbortController();

  return {
    async tell(event) {
      await publish('user-events', event).catch((err: unknown) => {
        logger.warn({ err, event }, 'an event was not published');
      });
    },
    stream(signal) {
      const until = closed.signal.aborted ? closed.signal : signal;
      return listening.events('user-events', { signal: until, whenFull: 'error' });
    },
    onGap: (tell) => listening.onGap(tell),
    close() {
      closed.abort();
      listening.close();
    },
  };
}
