"""Flags: Unleash's nouns, the one way to write them, and what goes out to SDKs."""

from eastwind.flags.evaluate import Evaluator
from eastwind.flags.gate import Gate, OpenGate
from eastwind.flags.model import (
    Constraint,
    Dependency,
    Environment,
    Feature,
    FeatureEnvironment,
    Project,
    Segment,
    Strategy,
    Variant,
)
from eastwind.flags.publish import Publisher, Snapshot
from eastwind.flags.service import Flags

__all__ = [
    "Constraint", "Dependency", "Environment", "Evaluator", "Feature", "FeatureEnvironment", "Flags", "Gate",
    "OpenGate", "Project", "Publisher", "Segment", "Snapshot", "Strategy", "Variant",
]
