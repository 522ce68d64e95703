"""What then happened: numbers about units, each counted once."""

from eastwind.outcomes.model import Outcome
from eastwind.outcomes.service import Outcomes

__all__ = ["Outcome", "Outcomes"]
