"""Counting a run, and reporting on it."""

from collections.abc import Collection
from contextlib import nullcontext
from datetime import datetime

from eastwind.analysis import store
from eastwind.analysis.model import Counts, Report
from eastwind.analysis.result import answer, result, sample_ratio
from eastwind.audit import Audit
from eastwind.db import Connection, Database
from eastwind.errors import Message, msg
from eastwind.experiments.manifest import Manifest
from eastwind.experiments.model import Run
from eastwind.flags.ladder import parent_name
from eastwind.grid import Grid


class Analysis:
    """Reads only: a report is made from what is on record, each time anew."""

    def __init__(self, db: Database) -> None:
        self._db, self._grid, self._audit = db, Grid(db), Audit(db)

    def counts(self, experiment: str, environment: str, run: int, tx: Connection | None = None,
               metrics: Collection[str] | None = None) -> Counts:
        """What a run adds up to, in all metrics or only in `metrics`."""
        with nullcontext(tx) if tx is not None else self._db.read() as work:
            return store.counts(work, experiment, environment, run, metrics)

    def report(self, manifest: Manifest, run: Run, at: datetime) -> Report:
        """Arms, sample sizes, and for each metric of the manifest the difference with its 95 % interval."""
        counts = self.counts(run.experiment, run.environment, run.id)
        ratio = sample_ratio(counts, self._expected(manifest, run))
        metrics = tuple(result(metric, counts, ratio) for metric in manifest.metrics)
        return Report(
            experiment=run.experiment, environment=run.environment, run=run.id, at=at, opened_at=run.opened_at,
            closed_at=run.closed_at, share=run.peak_share, units=counts.units, crossed=counts.crossed,
            pilots=counts.pilots, sample_ratio=ratio, metrics=metrics,
            answer=_with_end(answer(next(m for m in metrics if m.role == "primary")), run))

    def _expected(self, manifest: Manifest, run: Run) -> float | None:
        """Treatment's part of both arms, 0 to 1, if it was one and the same all the while; else None."""
        for flag in (manifest.flag, parent_name(manifest.flag)):
            changes = self._audit.history(subject=flag, room="flags", before=run.close_event)
            if any(e.id > run.id and e.environment == run.environment for e in changes):
                return None
        share, population = float(run.peak_share) / 100, self._grid.population()
        # The share counts the pilots in, who are in neither arm.
        named = len(run.pilots) / population if population else 0.0
        return (share - named) / (1 - named) if named < 1 else None


def _with_end(answer: Message, run: Run) -> Message:
    """No answer without how it ended: a better metric does not excuse what a guard had to stop."""
    if not run.rolled_back:
        return answer
    return msg("{answer}. It was rolled back: {reason}", answer=answer, reason=run.close_reason)
