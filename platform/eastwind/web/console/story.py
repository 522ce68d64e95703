"""Reading the rooms for a page: one experiment's whole story, or the list. Writes nothing."""

from dataclasses import dataclass
from datetime import datetime

from eastwind.analysis import Analysis, Counts
from eastwind.arrivals import Arrival, Arrivals
from eastwind.audit import Audit, Event
from eastwind.clock import Clock, now
from eastwind.db import Database
from eastwind.errors import NotFound
from eastwind.experiments import Experiment, Experiments, Run
from eastwind.flags import Environment, Flags
from eastwind.flags import ladder as steps
from eastwind.guards import Breach, Guards, last_tick
from eastwind.host import Front, FrontState, Process
from eastwind.host import store as processes
from eastwind.people import People
from eastwind.readiness import Readiness, Ready, Review
from eastwind.settings import Settings
from eastwind.web.console import attention, guarding, stages, timeline

_EVENTS = 300
_ENTRIES = 60
_REVIEWS = 100


@dataclass(frozen=True, slots=True)
class Rooms:
    """The services that the console reads and asks."""

    settings: Settings
    experiments: Experiments
    readiness: Readiness
    analysis: Analysis
    guards: Guards
    arrivals: Arrivals
    people: People
    audit: Audit
    front: Front
    flags: Flags
    db: Database
    clock: Clock = now


@dataclass(frozen=True, slots=True)
class Story:
    """All that the page of one experiment shows, as of `at`."""

    at: datetime
    experiment: Experiment
    environment: Environment
    environments: list[Environment]
    run: Run | None
    reached: timeline.Reached
    standing: stages.Standing
    ready: Ready
    review: Review | None
    notes: tuple[attention.Note, ...]
    watched_at: datetime | None
    guards: list[guarding.Row]
    counts: Counts | None
    flip: Event | None
    arrivals: list[Arrival]
    front: FrontState
    entries: list[timeline.Entry]

    @property
    def flip_closed(self) -> bool:
        """Whether the last flip closed the flag: only then can it be seen whether an instance obeyed."""
        return self.flip is not None and self.flip.act == "feature-environment-disabled"


@dataclass(frozen=True, slots=True)
class Listing:
    """All that the list shows. `not_loaded` are folders of which no good version was ever seen."""

    environment: Environment
    needy: list[attention.Line]
    groups: list[attention.Group]
    not_loaded: list[Process]


class Stories:
    """Reads the rooms. Each story is read anew: nothing is remembered between two looks."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms

    def of(self, slug: str, environment: str) -> Story:
        """The story of an experiment. Raises `NotFound` for an unknown experiment or environment."""
        rooms = self.rooms
        place, experiment = rooms.flags.environment(environment), rooms.experiments.get(slug)
        at, run = rooms.clock(), experiment.runs.get(environment)
        reached, ready, watched_at = self._reached(experiment, place), *self._gate(experiment, place)
        standing = stages.standing(experiment, place, reached, ready, watched_at, at)
        front = rooms.front.state(slug)
        events = self._events(experiment, environment)
        flip = timeline.last_flip(events, experiment.manifest.flag, environment)
        counts = rooms.analysis.counts(slug, environment, run.id) if run else None
        return Story(
            at=at, experiment=experiment, environment=place, environments=rooms.flags.environments(), run=run,
            reached=reached, standing=standing, ready=ready, review=rooms.readiness.latest(slug, environment),
            notes=attention.notes(experiment, run, standing, ready, front.process, watched_at, at),
            watched_at=watched_at, counts=counts, flip=flip, front=front, arrivals=self._arrivals(experiment, flip),
            guards=guarding.rows(experiment.manifest, counts, rooms.guards.status(slug, environment),
                                 run.id if run else None),
            entries=timeline.entries(events, experiment.manifest.flag, rooms.experiments.runs(slug),
                                     rooms.readiness.history(slug, environment, _REVIEWS))[:_ENTRIES])

    def listing(self, environment: str) -> Listing:
        """All experiments, those that need somebody first."""
        rooms = self.rooms
        place, known = rooms.flags.environment(environment), rooms.experiments.list()
        with rooms.db.read() as tx:
            running = {p.slug: p for p in processes.processes(tx) if p.kind == "experiment"}
        lines = [self._line(each, place, running.get(each.slug)) for each in known]
        slugs = {each.slug for each in known}
        lost = [p for slug, p in sorted(running.items()) if p.state == "not-loaded" and slug not in slugs]
        return Listing(place, [x for x in lines if x.notes], attention.groups(lines), lost)

    def breach(self, run: Run) -> Breach | None:
        """The breach that closed `run`."""
        return next((b for b in self.rooms.guards.breaches(run.experiment) if b.run == run.id), None)

    def _line(self, experiment: Experiment, place: Environment, process: Process | None) -> attention.Line:
        at, run = self.rooms.clock(), experiment.runs.get(place.name)
        ready, watched_at = self._gate(experiment, place)
        standing = stages.standing(experiment, place, self._reached(experiment, place), ready, watched_at, at)
        notes = attention.notes(experiment, run, standing, ready, process, watched_at, at)
        return attention.Line(experiment, standing, notes, self.rooms.readiness.latest(experiment.slug, place.name))

    def _gate(self, experiment: Experiment, place: Environment) -> tuple[Ready, datetime | None]:
        with self.rooms.db.read() as tx:
            ready = self.rooms.readiness.ready(tx, experiment.slug, place.name, experiment.build)
            return ready, last_tick(tx)

    def _reached(self, experiment: Experiment, place: Environment) -> timeline.Reached:
        if experiment.open_run(place.name) is None:
            return timeline.Reached(None)
        flag = experiment.manifest.flag
        try:
            parent, child = (self.rooms.flags.feature(name) for name in (steps.parent_name(flag), flag))
        except NotFound:
            return timeline.Reached(None)
        return timeline.reached(parent.at(place.name), child.at(place.name))

    def _events(self, experiment: Experiment, environment: str) -> list[Event]:
        flag = experiment.manifest.flag
        subjects = {experiment.slug, flag, steps.parent_name(flag)}
        found = [e for s in subjects for e in self.rooms.audit.history(subject=s, limit=_EVENTS)]
        return [e for e in found if e.environment in ("", environment)]

    def _arrivals(self, experiment: Experiment, flip: Event | None) -> list[Arrival]:
        if flip is None:
            return []
        return self.rooms.arrivals.since(flip.environment, flip.id, experiment.manifest.flag, flip.at)
