"""A service beside the sample: the same users, sessions, cache and events, in Python."""

import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Extra, constr
from redis import RedisError

from settings import SESSION_COOKIE, open_redis, open_users, session_secrets
from toolkit.events import GAP, Channel, TooManyStreams, publish
from toolkit.sessions import read_session
from toolkit.tags import changing
from toolkit.values import get_or_load
from users import User

app = FastAPI(title="A neighbour in Python")
redis, users, secrets = open_redis(), open_users(), session_secrets()
user_events = Channel(redis, "user-events")
app.on_event("startup")(user_events.start)


class NewName(BaseModel, extra=Extra.forbid):
    # PostgreSQL's text cannot hold NUL, and halves of surrogate pairs are no UTF-8.
    name: constr(strip_whitespace=True, regex=r"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+$", max_length=100)


# The handlers are no coroutines: FastAPI runs each in a thread, and redis-py and psycopg2 may block there.
def cached_user(user_id: str) -> User | None:
    """Under the key, the tags and the time that server/cached-users.ts gives."""
    load = lambda: users.get(user_id)
    return get_or_load(redis, f"user:{user_id}", load, ttl_seconds=60, tags=[f"user:{user_id}"])


def logged_in(request: Request) -> User:
    cookies = "; ".join(request.headers.getlist("cookie"))
    session = read_session(redis, cookies, secrets, SESSION_COOKIE)
    user_id = session and session.get("userId")
    user = user_id and cached_user(user_id)
    if not user:
        raise HTTPException(401, "Log in first: POST /auth/login of the sample.")
    return user


def from_own_origin(request: Request) -> None:
    """Stops a page of another origin. SameSite=Lax does not stop one of another port or subdomain."""
    origin = request.headers.get("origin")
    is_own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not is_own or request.headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
        raise HTTPException(403, "A page of another origin may not do this.")


@app.get("/users/{user_id}")
def get_user(user_id: UUID) -> User:
    user = cached_user(str(user_id))
    if not user:
        raise HTTPException(404, "There is no user with this id.")
    return user


@app.get("/me")
def get_me(me: User = Depends(logged_in)) -> JSONResponse:
    return JSONResponse(me, headers={"Cache-Control": "no-store"})


@app.patch("/me", dependencies=[Depends(from_own_origin)])
def rename_me(change: NewName, me: User = Depends(logged_in)) -> User:
    with changing(redis, ["users", f"user:{me['id']}"]):
        user = users.rename(me["id"], change.name)
    if not user:
        raise HTTPException(404, "There is no user with this id.")
    tell_changed(me["id"])
    return user


@app.get("/events")
async def get_events() -> StreamingResponse:
    try:
        stream = user_events.stream()
    except TooManyStreams:
        raise HTTPException(503, "Too many streams.", {"Retry-After": "10"})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(as_events(stream), media_type="text/event-stream", headers=headers)


async def as_events(stream: AsyncIterator) -> AsyncIterator[str]:
    async for message in stream:
        if message is None:
            yield ": listening\n\n"
        elif message is GAP:
            yield "event: gap\ndata: {}\n\n"
        elif is_user_event(message):
            yield f"event: {message['type']}\ndata: {json.dumps({'id': message['id']})}\n\n"


def is_user_event(message: object) -> bool:
    return isinstance(message, dict) and message.get("type") in ("created", "changed", "deleted") and "id" in message


def tell_changed(user_id: str) -> None:
    try:
        publish(redis, "user-events", {"type": "changed", "id": user_id})
    except RedisError:
        pass  # A change is not undone because nobody could be told of it.


@app.exception_handler(RedisError)
def without_redis(_request: Request, _error: RedisError) -> JSONResponse:
    return JSONResponse({"detail": "Redis cannot be reached. Try again."}, 503, {"Retry-After": "1"})
