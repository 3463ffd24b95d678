"""Reads and writes the values that the Express app caches with `cacheAside`."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from redis import Redis, RedisError

from . import scripts
from .names import EVERYTHING, SETTLING, own_tag, tag_key, value_key
from .tags import fresh

# The versions that a fill creates last this long. Once the value is stored they live as long as the value: clients
# choose keys, and versions for a day each would pile up.
_FILL_MS = 120_000
_LARGEST = 1_000_000


def get_or_load(
    redis: Redis, key: str, load: Callable[[], Any], *, ttl_seconds: float, tags: Iterable[str] = ()
) -> Any:
    """The cached value, or else what `load` returns, which is cached unless it is None.

    Without Redis, `load` is asked each time. Requests that miss at the same time each call `load`.
    """
    names = [*dict.fromkeys([*map(own_tag, tags), f"key:{key}", EVERYTHING])]
    try:
        stored = _current(redis, key, names)
        pinned = None if stored else _pin(redis, names)
    except (RedisError, UnicodeDecodeError):  # Redis is away, or the key holds something else.
        return load()
    if stored:
        return stored["value"]
    value = load()
    if value is not None and pinned:
        try:
            _store(redis, key, value, pinned, ttl_seconds)
        except RedisError:
            pass  # The next caller loads it again.
    return value


def _current(redis: Redis, key: str, tags: list[str]) -> dict[str, Any] | None:
    # The value first: versions that were read before it could be those from before an invalidation.
    with redis.pipeline(transaction=False) as pipe:
        text, now, run = pipe.get(value_key(key)).mget(map(tag_key, tags)).info("server").execute()
    stored = _parsed(text)
    if stored is None or stored["freshUntil"] <= time.time() * 1000:
        return None
    versions = dict(zip(tags, now))
    # Who stored it may have given other tags.
    others = [tag for tag in stored["versions"] if tag not in versions]
    if others:
        versions |= zip(others, redis.mget(map(tag_key, others)))
    is_current = all(
        versions[tag] is not None and stored["versions"].get(tag) == _in_run(versions[tag], run) for tag in versions
    )
    return stored if is_current else None


def _parsed(text: str | None) -> dict[str, Any] | None:
    # What somebody else stored under the key is a miss, not an error.
    try:
        stored = json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
    if not isinstance(stored, dict) or "value" not in stored:
        return None
    is_ours = isinstance(stored.get("freshUntil"), (int, float)) and isinstance(stored.get("versions"), dict)
    return stored if is_ours else None


def _in_run(version: str, run: dict[str, Any]) -> str | None:
    """The version in this run of the server; None while a change is in flight. A restarted Redis may hold old data."""
    return None if version.startswith("!") else f"{version}@{run['run_id'][:12]}"


def _pin(redis: Redis, tags: list[str]) -> dict[str, str] | None:
    """The versions of tags from before the value is loaded; None if nothing may be stored."""
    created = [fresh() for _ in tags]
    with redis.pipeline(transaction=False) as pipe:
        for tag, version in zip(tags, created):
            pipe.set(tag_key(tag), version, px=_FILL_MS, nx=True, get=True)
        *found, run, is_settling = pipe.info("server").exists(SETTLING).execute()
    versions = [_in_run(there or version, run) for there, version in zip(found, created)]
    if is_settling or None in versions:
        return None
    return dict(zip(tags, versions))


def _store(redis: Redis, key: str, value: Any, pinned: dict[str, str], ttl_seconds: float) -> None:
    fresh_until = int((time.time() + ttl_seconds) * 1000)
    stored = {"value": value, "freshUntil": fresh_until, "versions": pinned}
    text = json.dumps(stored, separators=(",", ":"), allow_nan=False)
    if len(text) > _LARGEST:
        raise ValueError(f"the value of {key} has {len(text)} bytes: cache parts of it")
    ttl_ms = int(ttl_seconds * 1000)
    with redis.pipeline(transaction=False) as pipe:
        for tag, version in pinned.items():
            pipe.eval(scripts.KEEP_TAG, 1, tag_key(tag), version.split("@")[0], ttl_ms)
        pipe.set(value_key(key), text, px=ttl_ms).execute()
