"""Past the gate: what a change that is already written means for a feature's reach, and whether it may stand."""

from collections.abc import Mapping
from dataclasses import dataclass

from eastwind.audit import Event
from eastwind.db import Connection
from eastwind.flags import store
from eastwind.flags.gate import Gate
from eastwind.flags.model import Feature, Segment
from eastwind.flags.reach import Reach, reach


@dataclass(frozen=True)
class Step:
    """A feature on one side of a change, with what its reach depends on; `parent` is one as it was before."""

    feature: Feature
    segments: Mapping[int, Segment]
    parent: Feature | None = None

    def reach(self, tx: Connection, environment: str) -> Reach:
        """The most that the feature reaches on this side."""
        return reach(self.feature, environment, lambda name: self._lookup(tx, name), self.segments)

    def _lookup(self, tx: Connection, name: str) -> Feature | None:
        return self.parent if self.parent and self.parent.name == name else store.get(tx, name)


def pass_gate(tx: Connection, gate: Gate, event: Event, before: Step, after: Step) -> None:
    """Hold a feature against the gate in each environment in which its reach grew. The write is already made."""
    for place in store.environments(tx):
        was, now = before.reach(tx, place.name), after.reach(tx, place.name)
        if was == now:
            continue
        share = now.share(gate.population(tx))
        # Growing means more share or other people by name, even where the number stays the same.
        if now.fraction > was.fraction or not now.ids <= was.ids:
            gate.check(tx, place, after.feature.name, share)
        gate.settle(tx, place, after.feature.name, share, event, now.ids)
