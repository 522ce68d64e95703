"""What stands between a write and the customers. Filled by `experiments`, one floor up; called inside the write."""

from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from eastwind.audit import Event
from eastwind.db import Connection
from eastwind.flags.model import Environment


class Gate(Protocol):
    """Decides whether a flag may reach a larger share than before."""

    def check(self, tx: Connection, environment: Environment, feature: str, share: Fraction) -> None:
        """Return, or raise `Refused` with the reason and what to do. `share` is of all customers, 0 to 1.

        Called within the transaction that opens, and only when the reach grows: closing never asks.
        """

    def settle(self, tx: Connection, environment: Environment, feature: str, share: Fraction, event: Event,
               named: frozenset[str]) -> None:
        """Hear of every change of a flag's reach, growing or not, after `check` and in the same transaction.

        `named` are the customers that it lists by name.
        """

    def population(self, tx: Connection) -> int:
        """How many customers there are."""


class OpenGate:
    """No gate: for a server that only keeps flags, without experiments."""

    def check(self, tx: Connection, environment: Environment, feature: str, share: Fraction) -> None:
        """Anything goes."""

    def settle(self, tx: Connection, environment: Environment, feature: str, share: Fraction, event: Event,
               named: frozenset[str]) -> None:
        """Nobody listens."""

    def population(self, tx: Connection) -> int:
        """Unknown."""
        return 0


def percent(share: Fraction) -> Decimal:
    """A share as percent with at most six digits after the point, rounded up: a gate never rounds down."""
    millionths = -(-share * 100_000_000 // 1)
    return (Decimal(int(millionths)) / 1_000_000).normalize()
