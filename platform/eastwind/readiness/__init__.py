"""Readiness reviews: may this share be opened?"""

from eastwind.readiness.model import Evidence, LoadPlan, NoEvidence, Progress, Ready, Review, Target, Verdict
from eastwind.readiness.service import Readiness

__all__ = ["Evidence", "LoadPlan", "NoEvidence", "Progress", "Readiness", "Ready", "Review", "Target", "Verdict"]
