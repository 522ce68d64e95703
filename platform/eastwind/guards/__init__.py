"""Guards: what is watched while an experiment is open, and what takes it back."""

from eastwind.guards.decide import decide
from eastwind.guards.model import Breach, Decision, Guard, GuardState, Kind
from eastwind.guards.service import Guards
from eastwind.guards.store import last_tick

__all__ = ["Breach", "Decision", "Guard", "GuardState", "Guards", "Kind", "decide", "last_tick"]
