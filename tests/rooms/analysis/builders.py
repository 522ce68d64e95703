"""An experiment with its real rooms, open in development, and units that came to it."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from eastwind.analysis import Analysis
from eastwind.audit import Actor
from eastwind.db import Database
from eastwind.experiments import Experiments, Loaded, Manifest, ReadinessGate, Run
from eastwind.exposures import Exposures
from eastwind.flags import Flags
from eastwind.grid import Grid
from eastwind.guards import Guards, last_tick
from eastwind.outcomes import Outcomes
from eastwind.readiness import Readiness

ANNA = Actor("user", "anna")
SLUG, WHERE = "outage-lookup", "development"


def a_manifest(slug: str = SLUG, **error: object) -> Manifest:
    """Primary `hotline_call`, guarded by `error` (with `error`'s hard_limit, alpha and margin), and a mean."""
    metrics = [
        {"name": "hotline_call", "role": "primary", "kind": "proportion", "better": "lower"},
        {"name": "error", "role": "guardrail", "kind": "proportion", "better": "lower", **error},
        {"name": "latency_ms", "role": "guardrail", "kind": "mean", "better": "lower"},
    ]
    return Manifest.model_validate({
        "slug": slug, "flag": slug, "name": {"en": "Look-up"}, "service": "outages", "owner": "Lin",
        "hypothesis": "Fewer calls.", "sunset": date(2099, 1, 1), "metrics": metrics,
        "load": {"requests_per_customer_per_second": 0.02, "p95_ms": 400, "max_error_ratio": 0.01}})


@dataclass
class World:
    """Everything that an open experiment needs, over one database."""

    db: Database
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.readiness, self.grid = Readiness(self.db), Grid(self.db)
        self.flags = Flags(self.db, ReadinessGate(self.readiness, self.grid, last_tick))
        self.flags.ensure_defaults()
        self.experiments = Experiments(self.db, self.flags, self.readiness, self.grid, folder=Path("experiments"),
                                       headroom=2, review_seconds=2)
        self.analysis = Analysis(self.db)
        self.guards = Guards(self.db, self.analysis, self.experiments)
        self.exposures, self.outcomes = Exposures(self.db), Outcomes(self.db)

    def opened(self, manifest: Manifest, share: str = "50") -> Run:
        """`manifest` declared and open to `share` percent."""
        self.experiments.declare([Loaded(manifest.slug, Path(manifest.slug), "b" * 64, manifest)])
        return self.experiments.open(manifest.slug, WHERE, Decimal(share), ANNA)

    def came(self, run: Run, arm: str, units: int, first: int = 0, minutes: float = 0, **values: float) -> None:
        """`units` units, numbered from `first`, saw `arm`, each with `values` as outcomes at that moment."""
        at = self.at + timedelta(minutes=minutes)
        with self.db.intake() as tx:
            for number in range(first, first + units):
                self.exposures.record(tx, run.experiment, run.environment, run.id, f"u{number}", arm, at)
                for metric, value in values.items():
                    self.outcomes.record(tx, run.experiment, run.environment, run.id, f"u{number}", metric, value, at)
