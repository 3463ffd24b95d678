"""The names of keys, channels and tags."""

import os
import re
from hashlib import sha256
from urllib.parse import quote

# The option `prefix` of the Express app.
PREFIX = os.environ.get("TOOLKIT_PREFIX", "")

# What JavaScript calls white space and control characters. Braces would choose the slot in a Cluster.
_ESCAPED = re.compile("[%{}\\s\ufeff\x00-\x1f\x7f-\x9f]")
_LONGEST = 200
_HASHED = "sha256-"

# How the tags begin that the toolkit itself names: everything, a URL, a cached value, a cache group.
_RESERVED = re.compile(r"\*\Z|url:|key:|group:|=")

EVERYTHING = "*"


def safe_id(text: str) -> str:
    """Escapes a part of a key, and hashes a long one, as the Express app does."""
    escaped = _ESCAPED.sub(lambda match: quote(match[0], safe=""), text)
    # JavaScript counts a character beyond U+FFFF as two.
    length = len(escaped.encode("utf-16-le")) // 2
    if length <= _LONGEST and not escaped.startswith(_HASHED):
        return escaped
    return _HASHED + sha256(text.encode()).hexdigest()


def value_key(key: str) -> str:
    return PREFIX + safe_id(key)


def tag_key(tag: str) -> str:
    return f"{PREFIX}tag:{safe_id(tag)}"


def own_tag(tag: str) -> str:
    """A tag of the application: text of a client in it never names one of the toolkit's tags."""
    return f"={tag}" if _RESERVED.match(tag) else tag


EPOCH = f"{PREFIX}epoch:invalidation"
STATE = f"{PREFIX}epoch:state:{{0}}:1"
SETTLING = f"{PREFIX}epoch:settling:{{0}}"
