"""Tables of people and tokens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, RowMapping, String, Table, UniqueConstraint, select

from eastwind.db import Connection, Json, Moment, RowId, metadata
from eastwind.people.model import Token, User

user = Table(
    "user_account",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("role", String(40), nullable=False),
    Column("language", String(8), nullable=False),
    Column("password_hash", String(200), nullable=False),
    Column("created_at", Moment, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False),
    Column("type", String(20), nullable=False),
    Column("environment", String(100), nullable=False),
    Column("projects", Json, nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("seen_at", Moment),
    Column("revoked_at", Moment),
    UniqueConstraint("secret_hash"),
)

_TOKEN_COLUMNS = [token.c[name] for name in Token.__dataclass_fields__]


def add_user(tx: Connection, values: dict[str, Any]) -> int:
    """Insert and return the new id."""
    return int(tx.execute(user.insert().values(values).returning(user.c.id)).scalar_one())


def user_by(tx: Connection, **by: Any) -> tuple[User, str] | None:
    """A person with their password's hash, by `id` or `name`."""
    row = tx.execute(select(user).filter_by(**by)).mappings().first()
    return (User(row["id"], row["name"], row["role"], row["language"]), row["password_hash"]) if row else None


def users(tx: Connection) -> list[User]:
    """Everybody, by name."""
    return [User(*row) for row in tx.execute(select(user.c.id, user.c.name, user.c.role, user.c.language)
                                             .order_by(user.c.name))]


def set_language(tx: Connection, user_id: int, language: str) -> None:
    """Remember the language a person chose."""
    tx.execute(user.update().where(user.c.id == user_id).values(language=language))


def add_token(tx: Connection, values: dict[str, Any]) -> int:
    """Insert and return the new id."""
    return int(tx.execute(token.insert().values(values).returning(token.c.id)).scalar_one())


def token_by_hash(tx: Connection, secret_hash: str) -> Token | None:
    """The live token with this hash."""
    query = select(*_TOKEN_COLUMNS).where(token.c.secret_hash == secret_hash, token.c.revoked_at.is_(None))
    row = tx.execute(query).mappings().first()
    return _token(row) if row else None


def tokens(tx: Connection) -> list[Token]:
    """All live tokens, oldest first."""
    rows = tx.execute(select(*_TOKEN_COLUMNS).where(token.c.revoked_at.is_(None)).order_by(token.c.id)).mappings()
    return [_token(row) for row in rows]


def revoke(tx: Connection, token_id: int, at: datetime) -> bool:
    """Revoke; False if there was no live token of that id."""
    change = token.update().where(token.c.id == token_id, token.c.revoked_at.is_(None)).values(revoked_at=at)
    return tx.execute(change).rowcount == 1


def expire(tx: Connection, token_id: int, at: datetime | None) -> Token | None:
    """Set when a live token ends; it as it was before, None if there is none of that id."""
    query = select(*_TOKEN_COLUMNS).where(token.c.id == token_id, token.c.revoked_at.is_(None))
    row = tx.execute(query).mappings().first()
    if row:
        tx.execute(token.update().where(token.c.id == token_id).values(expires_at=at))
    return _token(row) if row else None


def saw(tx: Connection, seen: Mapping[int, datetime]) -> None:
    """Remember when tokens were last shown; never an earlier time than is known."""
    for number, at in sorted(seen.items()):
        newer = token.c.seen_at.is_(None) | (token.c.seen_at < at)
        tx.execute(token.update().where(token.c.id == number, newer).values(seen_at=at))


def _token(row: RowMapping) -> Token:
    return Token(**{**row, "projects": tuple(row["projects"])})
