"""Messages between processes, as the Express app's `publisher` and `subscriber` send and hear them."""

import asyncio
import json
from collections.abc import AsyncIterator
from threading import Event, Thread
from typing import Any

from redis import Redis, RedisError

from .names import PREFIX

# What a stream yields when messages may have been missed: read anew whatever they are about.
GAP = object()

_ENDED = object()
_PING_EVERY_S = 5
# Proxies close a connection on which nothing comes, often after a minute.
_QUIET_S = 15
_MOST_WAITING = 100
_MOST_STREAMS = 100


def publish(redis: Redis, channel: str, message: Any) -> int:
    """Sends a message at most once, and returns the number of listeners."""
    return redis.publish(PREFIX + channel, json.dumps(message, separators=(",", ":"), allow_nan=False))


class TooManyStreams(Exception):
    pass


class Channel:
    """Hears one channel on a connection of its own, for all streams of this process."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis, self._channel = redis, PREFIX + channel
        self._streams: set[asyncio.Queue] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = Event()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        Thread(target=self._hear, daemon=True).start()

    def close(self) -> None:
        """Ends all streams. May be called by a signal handler of the event loop."""
        self._closed.set()
        self._tell(_ENDED)

    def stream(self) -> AsyncIterator[Any]:
        """All messages from when the stream's first item, None, is there; None again while nothing comes.

        A reader that is too slow has its stream ended, and may begin another.
        """
        if len(self._streams) >= _MOST_STREAMS:
            raise TooManyStreams
        return self._read()

    async def _read(self) -> AsyncIterator[Any]:
        queue: asyncio.Queue = asyncio.Queue(_MOST_WAITING)
        self._streams.add(queue)
        try:
            message = _ENDED if self._closed.is_set() else None
            while message is not _ENDED:
                yield message
                if queue not in self._streams and queue.empty():
                    return
                message = await self._next(queue)
        finally:
            self._streams.discard(queue)

    @staticmethod
    async def _next(queue: asyncio.Queue) -> Any:
        try:
            return await asyncio.wait_for(queue.get(), _QUIET_S)
        except asyncio.TimeoutError:
            return None

    def _tell(self, message: Any) -> None:
        for queue in [*self._streams]:
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                self._streams.discard(queue)

    def _hear(self) -> None:
        while not self._closed.is_set():
            try:
                self._hear_connected()
            except RedisError:
                self._closed.wait(1)

    def _hear_connected(self) -> None:
        with self._redis.pubsub() as pubsub:
            pubsub.subscribe(self._channel)
            was_pinged = False
            while not self._closed.is_set():
                heard = pubsub.get_message(timeout=_PING_EVERY_S)
                if heard is None and was_pinged:
                    return  # Nothing has come, not even the answer: the connection is dead.
                was_pinged = heard is None
                if heard is None:
                    pubsub.ping()
                elif heard["type"] == "subscribe":
                    self._pass_on(GAP)
                elif heard["type"] == "message":
                    self._pass_on(self._parsed(heard["data"]))

    @staticmethod
    def _parsed(text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            return GAP

    def _pass_on(self, message: Any) -> None:
        self._loop.call_soon_threadsafe(self._tell, message)
