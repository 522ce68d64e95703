"""Where features live: environments on, off and in order, and which of them a project has."""

from collections.abc import Mapping
from datetime import datetime

from eastwind.audit import Actor, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.db.upsert import put
from eastwind.errors import Conflict, NotFound, Problem, msg
from eastwind.flags import store
from eastwind.flags.model import Environment, Feature, Project

ROOM = "flags"


class Places:
    """Environments and projects. Nothing here changes whom a feature reaches: what is on must be turned off first."""

    def __init__(self, db: Database, clock: Clock = now) -> None:
        self._db, self._clock = db, clock

    def of_project(self, project: str) -> list[Environment]:
        """The environments that a project has, in their order. Raises `NotFound`."""
        with self._db.read() as tx:
            _project(tx, project)
            missing = store.gaps(tx, project)
            return [e for e in store.environments(tx) if e.name not in missing]

    def switch(self, name: str, on: bool, actor: Actor) -> None:
        """Turn a whole environment on or off. Raises `Conflict` while a feature is on in it."""
        with self._db.write() as tx:
            before = _environment(tx, name)
            if before.enabled == on:
                return
            if not on:
                _refuse_while_on(store.features(tx), name)
            store.change_environment(tx, name, enabled=on)
            act = f"environment-{'enabled' if on else 'disabled'}"
            record(tx, actor, act, room=ROOM, subject=name, before=before.wire(),
                   after=before.model_copy(update={"enabled": on}).wire(), at=self._clock())

    def order(self, places: Mapping[str, int], actor: Actor) -> None:
        """Give environments, by name, their place: all or, if one is not there, none. Raises `NotFound`."""
        with self._db.write() as tx:
            before = {name: _environment(tx, name).sort_order for name in places}
            if before == dict(places):
                return
            for name, place in places.items():
                store.change_environment(tx, name, sort_order=place)
            record(tx, actor, "environment-order-changed", room=ROOM, subject="", before=before, after=dict(places),
                   at=self._clock())

    def connect(self, project: str, environment: str, actor: Actor) -> None:
        """Give a project an environment. Raises `NotFound`."""
        with self._db.write() as tx:
            _project(tx, project)
            _environment(tx, environment)
            if environment in store.gaps(tx, project):
                store.close_gap(tx, project, environment)
                record(tx, actor, "project-environment-added", room=ROOM, subject=project, project=project,
                       environment=environment, at=self._clock())

    def disconnect(self, project: str, environment: str, actor: Actor) -> None:
        """Take an environment from a project; states stay, off. Raises `Conflict` while a feature is on there."""
        with self._db.write() as tx:
            _project(tx, project)
            _environment(tx, environment)
            if environment in store.gaps(tx, project):
                return
            _refuse_while_on(store.features(tx, project), environment)
            store.open_gap(tx, project, environment)
            record(tx, actor, "project-environment-removed", room=ROOM, subject=project, project=project,
                   environment=environment, at=self._clock())


def put_environment(tx: Connection, item: Environment, actor: Actor, at: datetime) -> None:
    """Make an environment, with its event."""
    put(tx, store.environment, [item.model_dump()])
    record(tx, actor, "environment-created", room=ROOM, subject=item.name, after=item.wire(), at=at)


def put_project(tx: Connection, item: Project, actor: Actor, at: datetime) -> None:
    """Make a project, with its event."""
    put(tx, store.project, [item.model_dump()])
    record(tx, actor, "project-created", room=ROOM, subject=item.id, project=item.id, after=item.wire(), at=at)


def _refuse_while_on(features: list[Feature], environment: str) -> None:
    on = [f.name for f in features if f.at(environment).enabled]
    if on:
        raise Conflict(Problem("environment", msg("{names} are on there; turn them off first",
                                                  names=", ".join(on[:10]))))


def _environment(tx: Connection, name: str) -> Environment:
    for found in store.environments(tx):
        if found.name == name:
            return found
    raise NotFound(Problem("environment", msg("there is no environment {name}", name=name)))


def _project(tx: Connection, name: str) -> Project:
    for found in store.projects(tx):
        if found.id == name:
            return found
    raise NotFound(Problem("project", msg("there is no project {name}", name=name)))
