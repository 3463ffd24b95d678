"""The lock that the Express app takes with `withLock`."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from redis import Redis, RedisError

from . import scripts
from .names import PREFIX, safe_id
from .tags import fresh

_DAY_MS = 24 * 3_600_000
# Two clocks do not run equally fast, and the holder needs time to stop.
_ASSURED = 0.9


class LockTimeout(Exception):
    """Another holder kept the lock for all of the waiting time."""


class LockLost(Exception):
    """Another holder may have had the lock meanwhile."""


class Hold:
    """A lock that is held, and renewed every third of its time."""

    def __init__(self, redis: Redis, resource: str, ttl_ms: int) -> None:
        self._redis, self._ttl_ms, self._token = redis, ttl_ms, fresh()
        name = safe_id(resource)
        self._key = f"{PREFIX}lock:{name}"
        self.channel = f"{PREFIX}lock-released:{name}"
        self._over, self._is_lost, self._assured_until = Event(), False, 0.0
        self._renewing: Thread | None = None
        # Higher than that of every earlier holder: let the database refuse a writer with a lower one.
        self.fencing = 0

    def check(self) -> None:
        """Call it before each write: a process that was paused does not know that it has lost the lock."""
        if self._is_lost or monotonic() >= self._assured_until:
            raise LockLost(self._key)

    def acquire(self) -> int:
        """0 if the lock is ours, else the milliseconds until the holder's key expires."""
        sent_at = monotonic()
        fence = f"{PREFIX}lock-fence:{{{self._key}}}"
        try:
            reply = self._redis.eval(scripts.ACQUIRE_LOCK, 2, self._key, fence, self._token, self._ttl_ms, _DAY_MS)
        except RedisError:
            # Redis may have given us the lock all the same.
            self._release_quietly()
            raise
        if reply[0] == 0:
            return max(1, reply[1])
        self.fencing, self._assured_until = reply[0], sent_at + _ASSURED * self._ttl_ms / 1000
        self._renewing = Thread(target=self._renew, daemon=True)
        self._renewing.start()
        return 0

    def release(self) -> bool:
        """Whether the lock was ours until now."""
        self._over.set()
        if self._renewing:
            self._renewing.join()
        was_assured = not self._is_lost and monotonic() < self._assured_until
        # Never DEL: by now the key may be another holder's.
        released = self._redis.eval(scripts.RELEASE_LEASE, 1, self._key, self._token, "", 0, self.channel)
        return was_assured and released == 1

    def _renew(self) -> None:
        third = pause = self._ttl_ms / 3000
        while not self._over.wait(pause):
            sent_at = monotonic()
            try:
                if self._redis.eval(scripts.RENEW_LEASE, 1, self._key, self._token, self._ttl_ms) == 0:
                    self._is_lost = True
                    return
                self._assured_until, pause = sent_at + _ASSURED * self._ttl_ms / 1000, third
            except RedisError:
                pause = min(0.1, third)

    def _release_quietly(self) -> None:
        try:
            self.release()
        except RedisError:
            pass  # It expires.


@contextmanager
def lock(redis: Redis, resource: str, *, ttl_ms: int, wait_ms: int = 0) -> Iterator[Hold]:
    """Runs the block while no other holder, in any language, has the lock.

    Raises LockTimeout before the block, and LockLost after it, also when the block succeeded.
    """
    hold = Hold(redis, resource, ttl_ms)
    _take(redis, hold, monotonic() + wait_ms / 1000)
    try:
        yield hold
    except BaseException:
        hold._release_quietly()
        raise
    if not hold.release():
        raise LockLost(resource)


def _take(redis: Redis, hold: Hold, deadline: float) -> None:
    if hold.acquire() == 0:
        return
    with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(hold.channel)
        # A release before the subscription wakes nobody, so the lock is asked for again once Redis has subscribed us.
        pubsub.get_message(timeout=max(0, deadline - monotonic()))
        while (left := deadline - monotonic()) > 0:
            expires_in_ms = hold.acquire()
            if expires_in_ms == 0:
                return
            pubsub.get_message(timeout=min(left, expires_in_ms / 1000 + 0.005))
    raise LockTimeout(hold.channel)
