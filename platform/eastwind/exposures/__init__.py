"""What customers saw: which unit was shown which arm, in which run."""

from eastwind.exposures.model import Exposure
from eastwind.exposures.service import Exposures

__all__ = ["Exposure", "Exposures"]
