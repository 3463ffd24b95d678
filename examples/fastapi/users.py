"""The sample's users, in its PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from psycopg2 import InterfaceError, OperationalError
from psycopg2.extensions import cursor
from psycopg2.pool import ThreadedConnectionPool

# FastAPI runs at most so many handlers at a time.
_MOST_HANDLERS = 40
_COLUMNS = "id, email, name, created_at, updated_at"

User = dict[str, Any]


class Users:
    def __init__(self, database_url: str) -> None:
        self._pool = ThreadedConnectionPool(1, _MOST_HANDLERS, database_url)

    def get(self, user_id: str) -> User | None:
        return self._one(f"SELECT {_COLUMNS} FROM users WHERE id = %s", (user_id,))

    def rename(self, user_id: str, name: str) -> User | None:
        sql = f"UPDATE users SET name = %s, updated_at = now() WHERE id = %s RETURNING {_COLUMNS}"
        return self._one(sql, (name, user_id))

    def tidy_names(self) -> list[str]:
        """Takes superfluous spaces out of all names, and returns the ids of the users whose name has changed."""
        tidy = r"trim(regexp_replace(name, '\s+', ' ', 'g'))"
        with self._transaction() as db:
            db.execute(f"UPDATE users SET name = {tidy}, updated_at = now() WHERE name <> {tidy} RETURNING id")
            return [row[0] for row in db.fetchall()]

    def _one(self, sql: str, values: tuple) -> User | None:
        with self._transaction() as db:
            db.execute(sql, values)
            row = db.fetchone()
            return row and _user(*row)

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        connection = self._pool.getconn()
        is_broken = False
        try:
            with connection, connection.cursor() as db:
                yield db
        except (OperationalError, InterfaceError):
            is_broken = True
            raise
        finally:
            self._pool.putconn(connection, close=is_broken)


def _user(user_id: str, email: str, name: str, created_at: datetime, updated_at: datetime) -> User:
    # The same shape as in the Express app, since both read what the other has cached.
    return {
        "id": user_id,
        "email": email,
        "name": name,
        "createdAt": _iso(created_at),
        "updatedAt": _iso(updated_at),
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
