"""What then happened: numbers about units, each counted once."""

from eastwind.outcomes.model import Accepted, Outcome
from eastwind.outcomes.service import Outcomes

__all__ = ["Accepted", "Outcome", "Outcomes"]
