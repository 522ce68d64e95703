"""Experiments: what the innovation team ships, the gate before it, its runs and arms."""

from eastwind.experiments.arms import Arms
from eastwind.experiments.contact import Contacts
from eastwind.experiments.gate import ReadinessGate
from eastwind.experiments.manifest import Load, Loaded, Manifest, Metric, load_folder
from eastwind.experiments.model import Arm, Experiment, Run
from eastwind.experiments.service import Experiments

__all__ = [
    "Arm", "Arms", "Contacts", "Experiment", "Experiments", "Load", "Loaded", "Manifest", "Metric", "ReadinessGate",
    "Run", "load_folder",
]
