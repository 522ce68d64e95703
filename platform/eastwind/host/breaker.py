"""When to stop asking an experiment. Pure: every decision takes the time (seconds on a monotonic clock).

    closed ──`threshold` faults in a row──▶ open ──`pause` later, one trial──▶ half-open
      ▲                                      ▲                                    │
      └───────────── success ────────────────┼─────────────── fault ──────────────┘

Every report says when its request was asked: an answer to a question from before the breaker last moved says nothing
about now. A trial that never reports (its thread died) is given up after `pause`, so that no lost answer can lock
an experiment out for ever.
"""

from dataclasses import dataclass, replace
from typing import Literal

BreakerState = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker's state. `faults` counts in a row; `since` is when it last opened, closed or began a trial."""

    threshold: int = 5
    pause: float = 5.0
    state: BreakerState = "closed"
    faults: int = 0
    since: float = 0.0

    def admit(self, at: float) -> tuple["Breaker", bool]:
        """The next state, and whether a request may pass now."""
        if self.state == "closed":
            return self, True
        if at - self.since < self.pause:
            return self, False
        return replace(self, state="half-open", since=at), True

    def report(self, ok: bool, asked: float, at: float) -> "Breaker":
        """The next state after the answer, good or not, to a request that was admitted at `asked`."""
        if self.state == "open" or asked < self.since:
            return self
        if ok:
            return replace(self, state="closed", faults=0, since=self.since if self.state == "closed" else at)
        faults = self.faults + 1
        if self.state == "half-open" or faults >= self.threshold:
            return replace(self, state="open", faults=faults, since=at)
        return replace(self, faults=faults)
