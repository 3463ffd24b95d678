"""The toolkit's Lua scripts, which are the same for every language."""

import os
import re
from pathlib import Path

# In a project: node_modules/express-redis-toolkit/dist/src/lua, or a copy of it.
_FOLDER = Path(os.environ.get("TOOLKIT_LUA", Path(__file__).parents[3] / "src" / "lua"))
_INCLUDE = re.compile(r'^--- @include "([\w-]+)"$', re.MULTILINE)


def _read(name: str) -> str:
    lua = (_FOLDER / f"{name}.lua").read_text()
    return _INCLUDE.sub(lambda match: _read(f"includes/{match[1]}"), lua)


MARK_TAG = _read("mark-tag")
REFRESH_TAG = _read("refresh-tag")
KEEP_TAG = _read("keep-tag")
ACQUIRE_LOCK = _read("acquire-lock")
RENEW_LEASE = _read("renew-lease")
RELEASE_LEASE = _read("release-lease")
LOAD_SESSION = _read("load-session")
