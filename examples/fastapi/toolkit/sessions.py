"""Reads the sessions of the Express app's `session`."""

import hmac
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from redis import Redis

from . import scripts
from .names import PREFIX

# A client can send several cookies of one name, in any order.
_MOST_CHECKED = 64
_MOST_LOADED = 4
# The expiry slides as it does in the Express app: once a minute, or a twentieth of the idle timeout, has passed.
_SLIDE_AFTER_MS, _SLIDE_AFTER_SHARE = 60_000, 0.05
_OWN_TIMEOUTS = ("", 2**53 - 1)


def read_session(
    redis: Redis, cookies: str, secrets: Sequence[str], name: str = "connect.sid"
) -> dict[str, Any] | None:
    """The properties of the session that a `Cookie` header names; None without one, or when it has ended."""
    for session_id in _signed_ids(cookies, secrets, name):
        key = f"{PREFIX}session:{sha256(session_id.encode()).hexdigest()}"
        times = (_SLIDE_AFTER_MS, _SLIDE_AFTER_SHARE, *_OWN_TIMEOUTS)
        reply = redis.eval(scripts.LOAD_SESSION, 1, key, *times)
        if reply is not None:
            fields = zip(reply[7::2], reply[8::2])
            # Those that begin with @ are the toolkit's own.
            return {field: json.loads(text) for field, text in fields if not field.startswith("@")}
    return None


def _signed_ids(cookies: str, secrets: Sequence[str], name: str) -> list[str]:
    values = [*_values(cookies, name)][:_MOST_CHECKED]
    ids = [signed for value in values if (signed := _unsigned(value, secrets))]
    return [*dict.fromkeys(ids)][:_MOST_LOADED]


def _values(cookies: str, name: str) -> Iterator[str]:
    for pair in cookies.split(";"):
        found, _, value = pair.strip().partition("=")
        if found.strip() == name:
            yield unquote(value.strip().strip('"'))


def _unsigned(value: str, secrets: Sequence[str]) -> str | None:
    """The id in `s:<id>.<signature>`, if one of the secrets has signed it."""
    session_id, dot, signature = value.removeprefix("s:").rpartition(".")
    if not value.startswith("s:") or not dot or not session_id:
        return None
    for secret in secrets:
        digest = hmac.digest(secret.encode(), session_id.encode(), "sha256")
        if hmac.compare_digest(b64encode(digest).rstrip(b"="), signature.encode()):
            return session_id
    return None
