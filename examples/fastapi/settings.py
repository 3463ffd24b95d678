"""What the service is told by its environment: the same variables as the sample's."""

import os

from redis import Redis

from users import Users

HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "8000"))
# `__Host-connect.sid` where the sample runs with NODE_ENV=production.
SESSION_COOKIE = os.environ.get("SESSION_COOKIE", "connect.sid")


def session_secrets() -> list[str]:
    return [os.environ["SESSION_SECRET"]]


def open_redis() -> Redis:
    return Redis.from_url(
        os.environ.get("REDIS_URL", "redis://localhost:6379"),
        decode_responses=True,
        socket_timeout=1,
        socket_connect_timeout=1,
    )


def open_users() -> Users:
    return Users(os.environ["DATABASE_URL"])
