"""Users, roles and tokens."""

from eastwind.people.model import RIGHTS, ROLES, Token, User
from eastwind.people.service import People

__all__ = ["RIGHTS", "ROLES", "People", "Token", "User"]
