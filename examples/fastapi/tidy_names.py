"""A job, for after an import: takes superfluous spaces out of all names. One at a time, whatever its language.

/usr/bin/python3 tidy_names.py [seconds to wait for another one]
"""

import sys

from redis import RedisError

from settings import open_redis, open_users
from toolkit.events import publish
from toolkit.locks import LockLost, LockTimeout, lock
from toolkit.tags import invalidate

if __name__ == "__main__":
    redis, users = open_redis(), open_users()
    wait_ms = int(float(sys.argv[1]) * 1000) if len(sys.argv) > 1 else 0
    try:
        with lock(redis, "tidy-names", ttl_ms=10_000, wait_ms=wait_ms) as hold:
            print(f"Holding the lock, number {hold.fencing}", flush=True)
            changed = users.tidy_names()
            # Only now is it known who has changed. `changing` is for a change whose tags are known before.
            if changed:
                invalidate(redis, ["users", *(f"user:{user_id}" for user_id in changed)])
    except LockTimeout:
        sys.exit("Another process is at it.")
    except LockLost:
        sys.exit("The lock was lost: another process may have been at it too.")
    except RedisError as error:
        sys.exit(f"Redis: {error}")
    for user_id in changed:
        publish(redis, "user-events", {"type": "changed", "id": user_id})
    print(f"Tidied {len(changed)} names")
