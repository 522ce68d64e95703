"""An experiment, the periods in which it is open, and the arm a customer is in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from eastwind.errors import Message, Problem
from eastwind.experiments.manifest import Manifest

# The context field that each randomisation unit is hashed by.
STICKINESS: Mapping[str, str] = {"customer": "userId", "transformer": "transformerId", "feeder": "feederId"}

ArmName = Literal["treatment", "control", "pilot", "off", "left"]


@dataclass(frozen=True, slots=True)
class Run:
    """One period in which an experiment was open in an environment. `share` is in percent of all customers."""

    id: int
    experiment: str
    environment: str
    share: Decimal
    peak_share: Decimal
    pilots: tuple[str, ...]
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None = None
    closed_by: str = ""
    close_reason: Message | None = None
    close_event: int | None = None
    rolled_back: bool = False

    @property
    def is_open(self) -> bool:
        """Whether customers can be reached now."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a folder declared, with the latest run in each environment. `manifest` is the last valid one."""

    slug: str
    manifest: Manifest
    build: str
    problems: tuple[Problem, ...] = ()
    runs: Mapping[str, Run] = field(default_factory=dict)

    def open_run(self, environment: str) -> Run | None:
        """The run that is open in `environment`."""
        run = self.runs.get(environment)
        return run if run and run.is_open else None


@dataclass(frozen=True, slots=True)
class Arm:
    """What a customer gets, and in which run. Only treatment and control are compared.

    - treatment, control: randomised; control is everybody whom the flag does not let in while a run is open
    - pilot: let in by name, so never compared
    - left: chose to leave; gets today's way and is asked no more
    - off: no run is open
    """

    name: ArmName
    run: int | None = None

    @property
    def sees_experiment(self) -> bool:
        """Whether the new way is shown."""
        return self.name in ("treatment", "pilot")


OFF = Arm("off")
