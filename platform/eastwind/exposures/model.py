"""An exposure: a unit was shown an arm. Who was shown what is counted per run, once per unit and arm."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from eastwind.batch import Event, Text

ArmName = Literal["treatment", "control", "pilot"]


class Exposure(Event):
    """One event as it arrives: at `at`, `unit` was shown `arm`."""

    unit: Text
    arm: ArmName
    id: Text | None = None
    channel: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{0,40}$")] = ""
