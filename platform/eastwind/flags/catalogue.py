"""The words that features are described with: tags and their types, and the fields of the context.

None of them changes what an SDK is told, so they have events of their own room and wake no client.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from eastwind.audit import SYSTEM, Actor, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.errors import Conflict, Invalid, NotFound, Problem, msg
from eastwind.flags import words
from eastwind.flags.model import ContextField, LegalValue, Tag, TagType

ROOM = "catalogue"
Item = TypeVar("Item", TagType, ContextField)
_TYPES = (TagType(name="simple", description="A plain word."),)
_FIELDS = (
    ContextField(name="environment", description="Where the service runs.", sort_order=0),
    ContextField(name="userId", description="Who uses the service.", stickiness=True, sort_order=1),
    ContextField(name="sessionId", description="One visit.", stickiness=True, sort_order=2),
    ContextField(name="appName", description="The service that asks.", sort_order=3),
    ContextField(name="currentTime", description="The time at which it asks.", sort_order=4),
    ContextField(name="remoteAddress", description="The address it is asked from.", sort_order=5),
)


class Catalogue:
    """Tag types, tags and context fields. A write that changes nothing adds no event."""

    def __init__(self, db: Database, clock: Clock = now) -> None:
        self._db, self._clock = db, clock

    def ensure_defaults(self) -> None:
        """The tag type `simple` and Unleash's own context fields, on a server that has none."""
        with self._db.write() as tx:
            for kind in _TYPES if not words.tag_types(tx) else ():
                self.put_tag_type(kind, SYSTEM, tx)
            for field in _FIELDS if not words.fields(tx) else ():
                self.put_field(field, SYSTEM, tx)

    # -- tag types ------------------------------------------------------------------------------------------------

    def tag_types(self) -> list[TagType]:
        """All of them, by name."""
        with self._db.read() as tx:
            return words.tag_types(tx)

    def tag_type(self, name: str) -> TagType:
        """One of them. Raises `NotFound`."""
        return _one(self.tag_types(), name, "tagType")

    def add_tag_type(self, item: TagType, actor: Actor) -> None:
        """A new one. Raises `Conflict` if the name is taken."""
        with self._db.write() as tx:
            _refuse_taken(words.tag_types(tx), item.name)
            self.put_tag_type(item, actor, tx)

    def put_tag_type(self, item: TagType, actor: Actor, tx: Connection | None = None) -> None:
        """Make or replace one."""
        with self._writing(tx) as work:
            before = {t.name: t for t in words.tag_types(work)}.get(item.name)
            if before != item:
                words.put_tag_type(work, item)
                self._record(work, actor, "tag-type", item.name, before, item)

    def remove_tag_type(self, name: str, actor: Actor) -> None:
        """Remove one that no tag has. Raises `NotFound`, `Conflict`."""
        with self._db.write() as tx:
            before = _one(words.tag_types(tx), name, "tagType")
            used = [t.value for t in words.tags(tx) if t.type == name]
            if used:
                raise Conflict(Problem("name", msg("{names} use it", names=", ".join(used[:10]))))
            words.remove_tag_type(tx, name)
            self._record(tx, actor, "tag-type", name, before, None)

    # -- tags -----------------------------------------------------------------------------------------------------

    def tags(self, kind: str = "") -> list[Tag]:
        """All tags, or those of one type."""
        with self._db.read() as tx:
            return [t for t in words.tags(tx) if not kind or t.type == kind]

    def add_tag(self, item: Tag, actor: Actor) -> None:
        """A tag that no feature needs to have. Raises `Invalid` for an unknown type, `Conflict` if it exists."""
        with self._db.write() as tx:
            check_tag_types(tx, (item,))
            if item in words.tags(tx):
                raise Conflict(Problem("value", msg("{name} is taken", name=item)))
            words.keep_tags(tx, (item,))
            self._record(tx, actor, "tag", str(item), None, item)

    def remove_tag(self, item: Tag, actor: Actor) -> None:
        """Remove one that no feature has. Raises `NotFound`, `Conflict`."""
        with self._db.write() as tx:
            if item not in words.tags(tx):
                raise NotFound(Problem("tag", msg("there is no {name}", name=item)))
            users = words.tagged(tx, item)
            if users:
                raise Conflict(Problem("tag", msg("{names} use it", names=", ".join(users[:10]))))
            words.remove_tag(tx, item)
            self._record(tx, actor, "tag", str(item), item, None)

    # -- context fields -------------------------------------------------------------------------------------------

    def fields(self) -> list[ContextField]:
        """All of them, in their order."""
        with self._db.read() as tx:
            return words.fields(tx)

    def field(self, name: str) -> ContextField:
        """One of them. Raises `NotFound`."""
        return _one(self.fields(), name, "contextField")

    def add_field(self, item: ContextField, actor: Actor) -> None:
        """A new one. Raises `Conflict` if the name is taken."""
        with self._db.write() as tx:
            _refuse_taken(words.fields(tx), item.name)
            self.put_field(item, actor, tx)

    def put_field(self, item: ContextField, actor: Actor, tx: Connection | None = None) -> None:
        """Make or replace one. Raises `Invalid` if a legal value comes twice."""
        values = [v.value for v in item.legal_values]
        if len(set(values)) < len(values):
            raise Invalid(Problem("legalValues", msg("holds a value twice")))
        with self._writing(tx) as work:
            before = {f.name: f for f in words.fields(work)}.get(item.name)
            if before != item:
                words.put_field(work, item)
                self._record(work, actor, "context-field", item.name, before, item)

    def put_legal_value(self, name: str, value: LegalValue, actor: Actor) -> None:
        """Give a field one more legal value, or that one another description. Raises `NotFound`."""
        def change(known: tuple[LegalValue, ...]) -> tuple[LegalValue, ...]:
            after = {v.value: v for v in known} | {value.value: value}
            return tuple(after.values())

        self._change_field(name, change, actor)

    def remove_legal_value(self, name: str, value: str, actor: Actor) -> None:
        """Take a legal value away. Raises `NotFound`."""
        self._change_field(name, lambda known: tuple(v for v in known if v.value != value), actor)

    def remove_field(self, name: str, actor: Actor) -> None:
        """Remove one. Constraints may name what is not here, so none changes its meaning. Raises `NotFound`."""
        with self._db.write() as tx:
            before = _one(words.fields(tx), name, "contextField")
            words.remove_field(tx, name)
            self._record(tx, actor, "context-field", name, before, None)

    def _change_field(self, name: str, change: Callable[[tuple[LegalValue, ...]], tuple[LegalValue, ...]],
                      actor: Actor) -> None:
        with self._db.write() as tx:
            found = _one(words.fields(tx), name, "contextField")
            self.put_field(found.model_copy(update={"legal_values": change(found.legal_values)}), actor, tx)

    def _record(self, tx: Connection, actor: Actor, what: str, subject: str, before: Any, after: Any) -> None:
        verb = "created" if before is None else "deleted" if after is None else "updated"
        record(tx, actor, f"{what}-{verb}", room=ROOM, subject=subject, before=before and before.wire(),
               after=after and after.wire(), at=self._clock())

    def _writing(self, tx: Connection | None) -> AbstractContextManager[Connection]:
        return nullcontext(tx) if tx is not None else self._db.write()


def check_tag_types(tx: Connection, tags: tuple[Tag, ...]) -> None:
    """Raise `Invalid` naming every tag whose type there is not."""
    unknown = {t.type for t in tags} - {t.name for t in words.tag_types(tx)} if tags else set()
    if unknown:
        names = ", ".join(sorted(unknown))
        raise Invalid(Problem("tags", msg("there is no tag type {names}", names=names)))


def _one(items: list[Item], name: str, what: str) -> Item:
    for item in items:
        if item.name == name:
            return item
    raise NotFound(Problem(what, msg("there is no {name}", name=name)))


def _refuse_taken(items: list[Any], name: str) -> None:
    if any(item.name == name for item in items):
        raise Conflict(Problem("name", msg("{name} is taken", name=name)))
