"""Taking features out of one server and into another: everything is kept, or nothing is done and every reason said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from eastwind.audit import Actor, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.errors import EastwindError, Invalid, NotFound, Problem, Refused, msg
from eastwind.flags import store, words
from eastwind.flags.catalogue import Catalogue
from eastwind.flags.document import feature_document, segment_document
from eastwind.flags.edit import segments_of
from eastwind.flags.model import ContextField, Feature
from eastwind.flags.parcel import Parcel, numbered, words_of
from eastwind.flags.service import ROOM, Flags


class _Undo(Exception):
    """Leaves a transaction without a trace."""


class Exchange:
    """Exports and imports. An import is one transaction and passes the gate like every other write."""

    def __init__(self, db: Database, flags: Flags, clock: Clock = now) -> None:
        self._db, self._flags, self._clock = db, flags, clock
        self._catalogue = Catalogue(db, clock)

    def packed(self, environment: str, chosen: Callable[[Feature], bool] = lambda _: True) -> Parcel:
        """The chosen live features as they are in an environment. Segments are numbered from 1 by their name.

        Raises `NotFound` for an unknown environment.
        """
        with self._db.read() as tx:
            self._flags.environment(environment, tx)
            features = tuple(_only(f, environment) for f in store.features(tx) if chosen(f))
            used = frozenset().union(*map(segments_of, features))
            segments = sorted((s for s in store.segments(tx).values() if s.id in used), key=lambda s: s.name)
            parcel = Parcel(features, tuple(segments))
            types, fields = words_of(parcel)
            parcel = Parcel(features, tuple(segments), frozenset(),
                            tuple(t for t in words.tag_types(tx) if t.name in types),
                            tuple(f for f in words.fields(tx) if f.name in fields))
        return numbered(parcel, {s.id: place for place, s in enumerate(segments, 1)})

    def client_document(self, environment: str, chosen: Callable[[str, str], bool] = lambda *_: True) -> dict[str, Any]:
        """The features that `chosen` says yes to (by name and project) as SDKs are told them."""
        with self._db.read() as tx:
            self._flags.environment(environment, tx)
            rows, segments = store.raw(tx, environment)
        features = [feature_document(store.opened(r)) for r in rows if chosen(r["name"], r["project"])]
        used = {number for f in features for s in f["strategies"] for number in s.get("segments", ())}
        return {"version": 2, "features": features,
                "segments": [segment_document(store.opened(s)) for s in segments if s["id"] in used]}

    def check(self, parcel: Parcel, project: str, environment: str, actor: Actor) -> list[Problem]:
        """Why `take` would refuse, if it would. Changes nothing."""
        try:
            with suppress(_Undo), self._db.write() as tx:
                self._take(tx, parcel, project, environment, actor)
                raise _Undo
        except EastwindError as error:
            return list(error.problems)
        return []

    def take(self, parcel: Parcel, project: str, environment: str, actor: Actor) -> None:
        """Import all of it, or raise `Refused` (the gate) or `Invalid` with every reason."""
        with self._db.write() as tx:
            self._take(tx, parcel, project, environment, actor)

    def _take(self, tx: Connection, parcel: Parcel, project: str, environment: str, actor: Actor) -> None:
        self._flags.environment(environment, tx)
        if project not in {p.id for p in store.projects(tx)}:
            raise NotFound(Problem("project", msg("there is no project {name}", name=project)))
        for kind in parcel.tag_types:
            self._catalogue.put_tag_type(kind, actor, tx)
        known = {f.name: f for f in words.fields(tx)}
        for field in parcel.fields:
            self._catalogue.put_field(_merged(known.get(field.name), field), actor, tx)
        failed = _Failures()
        mapped = numbered(parcel, self._numbers(tx, parcel, actor, failed)) if self._complete(parcel, failed) else None
        # Parents first: a child cannot hang on what is not there.
        for item in sorted(mapped.features if mapped else (), key=lambda f: bool(f.dependencies)):
            with failed.at(item.name):
                self._flags.adopt(item, actor, tx)
        failed.speak()
        record(tx, actor, "features-imported", room=ROOM, subject=project, project=project, environment=environment,
               after={"features": [f.name for f in parcel.features]}, at=self._clock())

    def _complete(self, parcel: Parcel, failed: "_Failures") -> bool:
        """Whether all segments that the parcel uses came along, at least by name, each once."""
        numbers = [s.id for s in parcel.segments]
        missing = sorted(frozenset().union(*map(segments_of, parcel.features)) - set(numbers))
        if missing:
            failed.say("segments", msg("there is no segment {numbers}", numbers=", ".join(map(str, missing))))
        twice = len(set(numbers)) < len(numbers)
        if twice:
            failed.say("segments", msg("holds a number twice"))
        return not missing and not twice

    def _numbers(self, tx: Connection, parcel: Parcel, actor: Actor, failed: "_Failures") -> dict[int, int]:
        """This server's number for each of the parcel's segments, which are made where missing."""
        numbers: dict[int, int] = {}
        for item in parcel.segments:
            found = next((s for s in store.segments(tx).values() if s.name == item.name), None)
            numbers[item.id] = found.id if found else item.id
            if found is None and item.id in parcel.named:
                failed.say(f"segments.{item.name}", msg("is not on this server, and only its name came along"))
            elif found is None:
                numbers[item.id] = self._flags.add_segment(item, actor, tx).id
            elif item.id not in parcel.named and found.constraints != item.constraints:
                failed.say(f"segments.{item.name}", msg("means something else on this server"))
        return numbers


class _Failures:
    """Gathers what goes wrong, so that all of it is said at once."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._refused = False

    def say(self, at: str, reason: Any) -> None:
        self._problems.append(Problem(at, reason))

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Take what is raised within as problems of `name`."""
        try:
            yield
        except EastwindError as error:
            self._refused = self._refused or isinstance(error, Refused)
            self._problems += [Problem(f"{name}.{p.field}" if p.field else name, p.reason) for p in error.problems]

    def speak(self) -> None:
        """Raise if there is anything to say."""
        if self._problems:
            raise (Refused if self._refused else Invalid)(*self._problems)


def _only(item: Feature, environment: str) -> Feature:
    return item.model_copy(update={"environments": {environment: item.at(environment)}})


def _merged(known: ContextField | None, field: ContextField) -> ContextField:
    """The field as it comes, with the legal values that only this server knows after its own."""
    if known is None:
        return field
    values = {v.value: v for v in known.legal_values} | {v.value: v for v in field.legal_values}
    ordered = [v.value for v in field.legal_values] + [v for v in values if v not in {
        w.value for w in field.legal_values}]
    return field.model_copy(update={"legal_values": tuple(values[v] for v in ordered)})

