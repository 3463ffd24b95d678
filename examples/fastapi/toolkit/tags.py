"""Invalidates tags, and guards changes of what is cached under them."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from redis import Redis, RedisError

from . import scripts
from .names import EPOCH, STATE, own_tag, tag_key

_DAY_MS = 24 * 3_600_000
_MARK_MS = 15_000
_RENEW_AFTER_S = 5
# After a loss of data nobody stores for a second. By then all marks must be there again.
_LOOK_EVERY_S = 0.1


def fresh() -> str:
    """A unique version. A counter that was evicted and began again could match an old entry."""
    return secrets.token_urlsafe(9)


def invalidate(redis: Redis, tags: Iterable[str]) -> None:
    """When this returns, nothing that was filled under these tags before is served any more.

    Call it after the database has committed. A process that dies between the two leaves the older values in the cache
    until they expire; `changing` does not.
    """
    _refresh(redis, [own_tag(tag) for tag in tags], mark="")


@contextmanager
def changing(redis: Redis, tags: Iterable[str]) -> Iterator[None]:
    """Nobody serves or caches anything under the tags from before the block runs until it is over.

    Commit inside the block. If Redis cannot be reached the block does not run. If Redis cannot be reached afterwards,
    the error says so, and the marks expire: nothing is served under the tags for up to 15 seconds.
    """
    names = [own_tag(tag) for tag in tags]
    mark, over = fresh(), Event()
    # Known from before the mark: if the data is lost in between, the mark is set once more than necessary.
    marked_in = redis.get(STATE)
    _mark(redis, names, mark)
    watch = Thread(target=_keep_marked, args=(redis, names, mark, marked_in, over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        # A mark that is set after the tags were refreshed would be removed by nobody.
        watch.join()
        _refresh(redis, names, mark)


def _keep_marked(redis: Redis, tags: list[str], mark: str, marked_in: str | None, over: Event) -> None:
    marked_at = monotonic()
    while not over.wait(_LOOK_EVERY_S):
        try:
            state = redis.get(STATE)
            if state != marked_in or monotonic() - marked_at >= _RENEW_AFTER_S:
                _mark(redis, tags, mark)
                marked_in, marked_at = state, monotonic()
        except RedisError:
            pass  # Redis is away. The next look is in a moment.


def _mark(redis: Redis, tags: list[str], mark: str) -> None:
    with redis.pipeline(transaction=False) as pipe:
        pipe.set(EPOCH, fresh(), px=_DAY_MS)
        for tag in tags:
            pipe.eval(scripts.MARK_TAG, 1, tag_key(tag), mark, _MARK_MS)
        pipe.execute()


def _refresh(redis: Redis, tags: list[str], mark: str) -> None:
    # Redis runs the commands in this order: who sees the new version of a tag can see the new epoch.
    with redis.pipeline(transaction=False) as pipe:
        pipe.set(EPOCH, fresh(), px=_DAY_MS)
        for tag in tags:
            pipe.eval(scripts.REFRESH_TAG, 1, tag_key(tag), fresh(), _DAY_MS, mark)
        pipe.execute()
