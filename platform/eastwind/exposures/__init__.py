"""What customers saw: which unit was shown which arm, in which run."""

from eastwind.exposures.model import Accepted, Exposure
from eastwind.exposures.service import Exposures

__all__ = ["Accepted", "Exposure", "Exposures"]
