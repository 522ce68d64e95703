"""What needs somebody now, and how a list of experiments is grouped. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from eastwind.errors import Message, Problem, msg
from eastwind.experiments import Experiment, Run
from eastwind.experiments.gate import WATCHED_WITHIN
from eastwind.host.model import Process
from eastwind.readiness import Ready, Review
from eastwind.web.console.stages import Stage, Standing

SOON = timedelta(days=14)
EVIDENCE_SOON = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that needs somebody. `tone` is stop or warn; `problems` are its parts, if it has any."""

    tone: str
    text: Message
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One experiment in the list."""

    experiment: Experiment
    standing: Standing
    notes: tuple[Note, ...]
    review: Review | None


@dataclass(frozen=True, slots=True)
class Group:
    """Experiments at the same stage."""

    title: Message
    lines: tuple[Line, ...]


_TITLES: Sequence[tuple[Message, frozenset[Stage]]] = (
    (msg("Open to customers"), frozenset({"open", "everybody"})),
    (msg("With named pilots"), frozenset({"pilots"})),
    (msg("Ready to open"), frozenset({"ready"})),
    (msg("Not ready yet"), frozenset({"not-ready"})),
)


def notes(experiment: Experiment, latest: Run | None, standing: Standing, ready: Ready, process: Process | None,
          watched_at: datetime | None, at: datetime) -> tuple[Note, ...]:
    """Everything about `experiment` that needs somebody at `at`, the worst first."""
    found = [*_shipping(experiment, process), *_running(latest, standing, watched_at, at),
             *_time(experiment, latest, standing, ready, at)]
    return tuple(sorted(found, key=lambda note: note.tone != "stop"))


def groups(lines: Iterable[Line]) -> list[Group]:
    """By stage, those nearest to customers first; groups without members are left out."""
    known = list(lines)
    found = (Group(title, tuple(x for x in known if x.standing.stage in stages)) for title, stages in _TITLES)
    return [group for group in found if group.lines]


def _shipping(experiment: Experiment, process: Process | None) -> list[Note]:
    found = []
    if experiment.problems:
        found.append(Note("stop", msg("The shipped folder has errors; the last good version is shown"),
                          experiment.problems))
    if process is None:
        found.append(Note("warn", msg("Its process was never started")))
    elif process.state == "failed":
        found.append(Note("stop", msg("Its process does not come up: customers get today's way")))
    elif process.state == "down":
        found.append(Note("warn", msg("Its process is down and is being started again")))
    return found


def _running(latest: Run | None, standing: Standing, watched_at: datetime | None, at: datetime) -> list[Note]:
    if latest is None:
        return []
    if latest.is_open:
        unwatched = watched_at is None or at - watched_at > WATCHED_WITHIN
        return [Note("stop", msg("No guard is looking while it is open: start the jobs process"))] if unwatched else []
    if not latest.rolled_back:
        return []
    reason = latest.close_reason or msg("a guard closed it")
    return [Note("warn", msg("Rolled back"), (Problem("", reason),))]


def _time(experiment: Experiment, latest: Run | None, standing: Standing, ready: Ready, at: datetime) -> list[Note]:
    found, left = [], experiment.manifest.sunset - at.date()
    if left < timedelta(0):
        found.append(Note("stop", msg("Its sunset has passed: decide about it")))
    elif left <= SOON:
        found.append(Note("warn", msg("Its sunset is in {days} days", days=left.days)))
    is_open = latest is not None and latest.is_open
    if standing.gated and is_open and not ready.share:
        found.append(Note("warn", msg("Its readiness evidence counts no more (expired, or of another build): it stays "
                                      "open, but cannot be widened")))
    elif standing.gated and ready.until and ready.until - at < EVIDENCE_SOON:
        found.append(Note("warn", msg("Its readiness evidence runs out within a day")))
    return found
