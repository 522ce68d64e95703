"""Signing in, and tokens for services."""

import hashlib
import re
import secrets
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from eastwind.audit import Actor, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.errors import Conflict, NotFound, Problem, Unauthenticated, gather, msg
from eastwind.people import store
from eastwind.people.model import ALL, LANGUAGES, ROLES, TOKEN_TYPES, Token, User
from eastwind.people.seen import Seen

_HASHER = PasswordHasher()
_NAME = re.compile(r"[\w.@-]{1,100}")
_SECRET_LENGTH = (1, 512)


class People:
    """People and tokens."""

    def __init__(self, db: Database, clock: Clock = now, seen_seconds: float = 5.0) -> None:
        self._db, self._clock = db, clock
        self._seen = Seen(db, seen_seconds)

    def add_user(self, name: str, password: str, role: str, actor: Actor, language: str = "") -> User:
        """A new person, who reads `language`, or what their browser asks for if that is empty.

        Raises `Invalid` naming every wrong field, `Conflict` if the name is taken.
        """
        gather(_user_problems(name, password, role, language))
        hashed = _HASHER.hash(password)
        with self._db.write() as tx:
            if store.user_by(tx, name=name):
                raise Conflict(Problem("name", msg("{name} is taken", name=name)))
            number = store.add_user(tx, {"name": name, "role": role, "language": language,
                                         "password_hash": hashed, "created_at": self._clock()})
            record(tx, actor, "user-added", room="people", subject=name, after={"role": role}, at=self._clock())
        return User(number, name, role, language)

    def sign_in(self, name: str, password: str) -> User:
        """The person, if name and password fit; `Unauthenticated`, saying no more, if not. Both are audited."""
        with self._db.read() as tx:
            found = store.user_by(tx, name=name) if _NAME.fullmatch(name) else None
        fits = _fits(found[1] if found else _nobody(), password)
        user = found[0] if found and fits else None
        with self._db.write() as tx:
            actor = user.actor if user else Actor("user", "unknown")
            record(tx, actor, "signed-in" if user else "sign-in-refused", room="people",
                   subject=found[0].name if found else "", at=self._clock())
        if user is None:
            raise Unauthenticated(Problem("", msg("name or password do not fit")))
        return user

    def user(self, number: int) -> User | None:
        """The person with this id."""
        with self._db.read() as tx:
            found = store.user_by(tx, id=number)
        return found[0] if found else None

    def users(self) -> list[User]:
        """Everybody, by name."""
        with self._db.read() as tx:
            return store.users(tx)

    def choose_language(self, user: User, language: str) -> None:
        """Remember the language a person reads."""
        if language in LANGUAGES:
            with self._db.intake() as tx:
                store.set_language(tx, user.id, language)

    def issue_token(self, type: str, environment: str, projects: tuple[str, ...], name: str, actor: Actor,
                    secret: str | None = None, expires_at: datetime | None = None) -> tuple[Token, str]:
        """A new token and its secret, which is shown this once and kept only as a hash.

        `secret` takes over one that exists elsewhere (any opaque text, as Unleash's older tokens are).
        """
        gather(_token_problems(type, environment, name, secret))
        secret = secret or _new_secret(type, environment, projects)
        hashed = _hash(secret)
        with self._db.write() as tx:
            if store.token_by_hash(tx, hashed):
                raise Conflict(Problem("secret", msg("this token exists already")))
            token = self._add_token(tx, type, environment, projects, name, hashed, expires_at)
            record(tx, actor, "api-token-created", room="people", subject=name, environment=environment,
                   after={"type": type, "projects": list(projects)}, at=self._clock())
        return token, secret

    def _add_token(self, tx: Connection, type: str, environment: str, projects: tuple[str, ...], name: str,
                   hashed: str, expires_at: datetime | None) -> Token:
        values = {"name": name, "type": type, "environment": environment, "projects": list(projects),
                  "created_at": self._clock(), "expires_at": expires_at}
        number = store.add_token(tx, values | {"secret_hash": hashed})
        return Token(number, name, type, environment, projects, self._clock(), expires_at, None)

    def token(self, secret: str) -> Token | None:
        """The live token with this secret; None if unknown, revoked or expired."""
        if not _SECRET_LENGTH[0] <= len(secret) <= _SECRET_LENGTH[1]:
            return None
        with self._db.read() as tx:
            token = store.token_by_hash(tx, _hash(secret))
        if token is None or token.expired(self._clock()):
            return None
        self._seen.note(token.id, self._clock())
        return token

    def tokens(self) -> list[Token]:
        """All tokens that are not revoked."""
        with self._db.read() as tx:
            return store.tokens(tx)

    def expire_token(self, number: int, at: datetime | None, actor: Actor) -> None:
        """Set when a token ends, None for never. Raises `NotFound`."""
        with self._db.write() as tx:
            before = store.expire(tx, number, at)
            if before is None:
                raise NotFound(Problem("token", msg("there is no such token")))
            if before.expires_at != at:
                was, now_ = (t.isoformat() if t else None for t in (before.expires_at, at))
                record(tx, actor, "api-token-updated", room="people", subject=before.name,
                       before={"expiresAt": was}, after={"expiresAt": now_}, at=self._clock())

    def revoke_token(self, number: int, actor: Actor) -> None:
        """Revoke; takes effect at the holder's next request, and ends its open streams."""
        with self._db.write() as tx:
            if not store.revoke(tx, number, self._clock()):
                raise NotFound(Problem("token", msg("there is no such token")))
            record(tx, actor, "api-token-deleted", room="people", subject=str(number), at=self._clock())


@cache
def _nobody() -> str:
    """Verified for unknown names too, so that the time an answer takes does not tell who exists."""
    return _HASHER.hash(secrets.token_urlsafe(16))


def _fits(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password[:1024])
    except VerificationError:
        return False


def _hash(secret: str) -> str:
    # A token is long and random, so a plain digest protects it; a slow one would slow every poll.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _new_secret(type: str, environment: str, projects: tuple[str, ...]) -> str:
    scope = projects[0] if len(projects) == 1 else "[]"
    return f"{scope}:{ALL if type == 'admin' else environment}.{secrets.token_hex(28)}"


def _user_problems(name: str, password: str, role: str, language: str) -> list[Problem]:
    problems = []
    if not _NAME.fullmatch(name):
        problems.append(Problem("name", msg("must be 1 to 100 letters, digits or . _ @ -")))
    if not 12 <= len(password) <= 1024:
        problems.append(Problem("password", msg("must have at least 12 characters")))
    if role not in ROLES:
        problems.append(Problem("role", msg("must be one of {choices}", choices=", ".join(ROLES))))
    if language not in ("", *LANGUAGES):
        problems.append(Problem("language", msg("must be one of {choices}", choices=", ".join(LANGUAGES))))
    return problems


def _token_problems(type: str, environment: str, name: str, secret: str | None) -> list[Problem]:
    problems = []
    if type not in TOKEN_TYPES:
        problems.append(Problem("type", msg("must be one of {choices}", choices=", ".join(TOKEN_TYPES))))
    if (environment == ALL) != (type == "admin"):
        problems.append(Problem("environment", msg("must be * for admin tokens, and one environment for others")))
    if not 1 <= len(name) <= 100:
        problems.append(Problem("tokenName", msg("must have 1 to 100 characters")))
    if secret is not None and not _SECRET_LENGTH[0] <= len(secret) <= _SECRET_LENGTH[1]:
        problems.append(Problem("secret", msg("must have 1 to {most} characters", most=_SECRET_LENGTH[1])))
    return problems
