"""Who may do what: people with a role, and tokens for services."""

from dataclasses import dataclass
from datetime import datetime

from eastwind.audit import Actor

ROLES = ("innovator", "manager", "operator")
TOKEN_TYPES = ("backend", "frontend", "admin")
LANGUAGES = ("en", "zh")
ALL = "*"

# One table of rights. What is not listed is denied. Closing is the operator's, the manager's and the team's alike.
RIGHTS: dict[str, frozenset[str]] = {
    "experiment.read": frozenset(ROLES),
    "experiment.review": frozenset({"innovator", "operator"}),
    "experiment.open": frozenset({"innovator"}),
    "experiment.close": frozenset(ROLES),
    "experiment.drill": frozenset({"innovator", "operator"}),
    "report.read": frozenset(ROLES),
    "audit.read": frozenset({"manager", "operator"}),
    "people.change": frozenset({"operator"}),
}


@dataclass(frozen=True, slots=True)
class User:
    """A person who signs in."""

    id: int
    name: str
    role: str
    language: str

    @property
    def actor(self) -> Actor:
        """This person as the audit trail names them."""
        return Actor("user", self.name)

    def may(self, right: str) -> bool:
        """Whether this person's role has `right`. Unknown rights are denied."""
        return self.role in RIGHTS.get(right, frozenset())


@dataclass(frozen=True, slots=True)
class Token:
    """What a service shows. The secret itself is not kept, only its SHA-256."""

    id: int
    name: str
    type: str
    environment: str
    projects: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    seen_at: datetime | None

    @property
    def actor(self) -> Actor:
        """This token as the audit trail names it."""
        return Actor("token", self.name)

    def covers(self, project: str) -> bool:
        """Whether a feature of `project` is within this token's scope."""
        return ALL in self.projects or project in self.projects

    def expired(self, at: datetime) -> bool:
        """Whether the token is no longer valid at `at`."""
        return self.expires_at is not None and self.expires_at <= at
