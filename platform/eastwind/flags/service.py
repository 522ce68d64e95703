"""The only way to write a flag. Every write is one transaction with one audit event, and passes the gate.

A command states what shall be, so repeating it changes nothing and adds no event: a client that lost the answer may
simply ask again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from eastwind.audit import SYSTEM, Actor, Event, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.errors import Conflict, NotFound, Problem, msg
from eastwind.flags import store, words
from eastwind.flags.catalogue import Catalogue, check_tag_types
from eastwind.flags.checks import check_dependencies, check_places, check_segments
from eastwind.flags.edit import (
    about_of,
    adopted,
    archived,
    cloned,
    described,
    off,
    placed,
    segments_of,
    strategy_of,
    switched,
    whole,
    with_strategies,
)
from eastwind.flags.gate import Gate
from eastwind.flags.model import (
    Dependency,
    Environment,
    Feature,
    FeatureEnvironment,
    Project,
    Segment,
    Strategy,
    Tag,
    Variant,
)
from eastwind.flags.passage import Step, pass_gate
from eastwind.flags.places import put_environment, put_project
from eastwind.validation import checked

ROOM = "flags"
_DEFAULTS = (
    Environment(name="development", type="development", sort_order=1),
    Environment(name="production", type="production", sort_order=2),
)


class Flags:
    """Features, segments, environments and projects."""

    def __init__(self, db: Database, gate: Gate, clock: Clock = now) -> None:
        self._db, self._gate, self._clock = db, gate, clock

    # -- reading ------------------------------------------------------------------------------------------------

    def feature(self, name: str, tx: Connection | None = None) -> Feature:
        """A feature, archived or not. Raises `NotFound`."""
        with self._reading(tx) as work:
            return _found(store.get(work, name), name)

    def features(self, project: str | None = None, archived: bool = False) -> list[Feature]:
        """All live (or all archived) features, of one project or of all, by name."""
        with self._db.read() as tx:
            return store.features(tx, project, archived)

    def name_taken(self, name: str) -> str | None:
        """The feature, of now or of the past, whose name is this one but for case."""
        with self._db.read() as tx:
            return store.name_taken(tx, name)

    def environments(self) -> list[Environment]:
        """All environments in their order."""
        with self._db.read() as tx:
            return store.environments(tx)

    def environment(self, name: str, tx: Connection | None = None) -> Environment:
        """One environment. Raises `NotFound`."""
        with self._reading(tx) as work:
            for found in store.environments(work):
                if found.name == name:
                    return found
        raise NotFound(Problem("environment", msg("there is no environment {name}", name=name)))

    def projects(self) -> list[Project]:
        """All projects."""
        with self._db.read() as tx:
            return store.projects(tx)

    def segments(self) -> list[Segment]:
        """All segments."""
        with self._db.read() as tx:
            return list(store.segments(tx).values())

    # -- making and changing ------------------------------------------------------------------------------------

    def ensure_defaults(self) -> None:
        """The project `default` and the environments `development` and `production`, where missing."""
        with self._db.write() as tx:
            known = {e.name for e in store.environments(tx)}
            for item in (e for e in _DEFAULTS if e.name not in known):
                put_environment(tx, item, SYSTEM, self._clock())
            if not store.projects(tx):
                put_project(tx, Project(id="default", name="Default"), SYSTEM, self._clock())
        Catalogue(self._db, self._clock).ensure_defaults()

    def add_environment(self, item: Environment, actor: Actor) -> None:
        """A new environment. Raises `Conflict` if the name is taken."""
        with self._db.write() as tx:
            if any(e.name == item.name for e in store.environments(tx)):
                raise Conflict(Problem("name", msg("{name} is taken", name=item.name)))
            put_environment(tx, item, actor, self._clock())

    def add_project(self, item: Project, actor: Actor) -> None:
        """A new project. Raises `Conflict` if the id is taken."""
        with self._db.write() as tx:
            if any(p.id == item.id for p in store.projects(tx)):
                raise Conflict(Problem("id", msg("{name} is taken", name=item.id)))
            put_project(tx, item, actor, self._clock())

    def create(self, item: Feature, actor: Actor, tx: Connection | None = None) -> Feature:
        """A new feature, off everywhere. Raises `Conflict` if the name is or ever was in use."""
        with self._writing(tx) as tx:  # noqa: PLR1704
            taken = store.name_taken(tx, item.name)
            if taken:
                raise Conflict(Problem("name", msg("{name} is taken; names are never used twice", name=taken)))
            if item.project not in {p.id for p in store.projects(tx)}:
                raise NotFound(Problem("project", msg("there is no project {name}", name=item.project)))
            made = off(item).model_copy(update={"created_at": item.created_at or self._clock(), "archived_at": None})
            for environment in made.environments:
                self.environment(environment, tx)
            check_segments(tx, segments_of(made))
            check_dependencies(tx, made)
            check_tag_types(tx, made.tags)
            words.keep_tags(tx, made.tags)
            store.save(tx, made)
            self._record(tx, actor, "feature-created", made, after=whole(made) if made.environments else about_of(made))
        return made

    def clone(self, name: str, copy: str, actor: Actor, new_groups: bool = True) -> Feature:
        """A new feature with the strategies and variants of another, off everywhere.

        With `new_groups` its shares are drawn apart from the other's, so that they fall on other people.
        """
        with self._db.write() as tx:
            return self.create(cloned(_found(store.get(tx, name), name), copy, new_groups), actor, tx)

    def adopt(self, item: Feature, actor: Actor, tx: Connection | None = None) -> Feature:
        """Make or replace a feature as `item` says, and its states in those environments that `item` has.

        Raises `Conflict` if it is archived or in another project.
        """
        with self._writing(tx) as tx:  # noqa: PLR1704
            known = store.get(tx, item.name)
            if known is None:
                known = self.create(item, actor, tx)
            if known.archived_at or known.project != item.project:
                raise Conflict(Problem("name", msg("{name} is archived, or in another project", name=item.name)))
            return self._change(item.name, "", "feature-import", actor, lambda f: adopted(f, item), tx, whole)

    def describe(self, name: str, changes: Mapping[str, Any], actor: Actor, tx: Connection | None = None) -> Feature:
        """Change type, description, stale or impressionData; other keys are ignored."""
        allowed = {k: v for k, v in changes.items() if k in ("type", "description", "stale", "impression_data")}
        return self._change(name, "", "feature-metadata-updated", actor, lambda f: described(f, allowed), tx)

    def mark_stale(self, name: str, stale: bool, actor: Actor, tx: Connection | None = None) -> Feature:
        """Say that a feature has outlived its purpose, or that it has not."""
        return self._change(name, "", f"feature-stale-{'on' if stale else 'off'}", actor,
                            lambda f: f.model_copy(update={"stale": stale}), tx)

    def tag(self, name: str, add: tuple[Tag, ...], remove: tuple[Tag, ...], actor: Actor,
            tx: Connection | None = None) -> Feature:
        """Put tags on a feature and take others off. Raises `Invalid` for a type there is not."""
        def change(item: Feature) -> Feature:
            tags = tuple(t for t in dict.fromkeys((*item.tags, *add)) if t not in remove)
            return checked(Feature, {**item.model_dump(), "tags": tags}) if tags != item.tags else item

        return self._change(name, "", f"feature-{'tagged' if add else 'untagged'}", actor, change, tx)

    def complete(self, name: str, status: str, value: str, actor: Actor) -> Feature:
        """Say that what the feature was for is decided: `kept` or `discarded`, and which variant; "" for not yet."""
        at = self._clock() if status else None
        changes = {"completed_status": status, "completed_value": value}

        def change(item: Feature) -> Feature:
            same = (item.completed_status, item.completed_value) == (status, value)
            return item if same else described(item, {**changes, "completed_at": at})

        return self._change(name, "", f"feature-{'completed' if status else 'uncompleted'}", actor, change)

    def switch(self, name: str, environment: str, on: bool, actor: Actor, tx: Connection | None = None,
               with_disabled: bool = False) -> Feature:
        """Turn a feature on or off in an environment. Off is never refused.

        A feature without active strategies gets one that says "everybody", as in Unleash; `with_disabled` first
        makes its disabled strategies active.
        """
        act = f"feature-environment-{'enabled' if on else 'disabled'}"
        return self._change(name, environment, act, actor, lambda f: switched(f, environment, on, with_disabled), tx)

    def set_state(self, name: str, state: FeatureEnvironment, actor: Actor, act: str = "feature-state-updated",
                  tx: Connection | None = None) -> Feature:
        """Replace a feature's whole state in one environment, in one event."""
        return self._change(name, state.environment, act, actor, lambda f: f.with_state(state), tx)

    def add_strategy(self, name: str, environment: str, strategy: Strategy, actor: Actor) -> Strategy:
        """Add a strategy; it gets an id, and the last place unless it says another.

        Where an equal one stands already, that one is returned: who asks twice does not get two.
        """
        made = strategy

        def change(item: Feature) -> Feature:
            nonlocal made
            state = item.at(environment)
            made = placed(state, strategy)
            return item if made in state.strategies else with_strategies(item, environment, *state.strategies, made)

        self._change(name, environment, "feature-strategy-add", actor, change)
        return made

    def update_strategy(self, name: str, environment: str, strategy: Strategy, actor: Actor) -> Strategy:
        """Replace the strategy with this id. Raises `NotFound`."""
        def change(item: Feature) -> Feature:
            before = strategy_of(item.at(environment), strategy.id)
            after = (strategy if s is before else s for s in item.at(environment).strategies)
            return with_strategies(item, environment, *after)

        self._change(name, environment, "feature-strategy-update", actor, change)
        return strategy

    def remove_strategy(self, name: str, environment: str, strategy_id: str, actor: Actor) -> None:
        """Remove a strategy. Removing the last active one closes the feature: none would mean everybody."""
        def change(item: Feature) -> Feature:
            gone = strategy_of(item.at(environment), strategy_id)
            return with_strategies(item, environment, *(s for s in item.at(environment).strategies if s is not gone))

        self._change(name, environment, "feature-strategy-remove", actor, change)

    def order_strategies(self, name: str, environment: str, order: Mapping[str, int], actor: Actor) -> None:
        """Give strategies, by id, their place."""
        def change(item: Feature) -> Feature:
            known = item.at(environment).strategies
            return with_strategies(item, environment, *(
                s.model_copy(update={"sort_order": order.get(s.id, s.sort_order)}) for s in known))

        self._change(name, environment, "strategy-order-changed", actor, change)

    def set_variants(self, name: str, environment: str, variants: tuple[Variant, ...], actor: Actor) -> Feature:
        """Replace the feature's variants in one environment."""
        return self._change(
            name, environment, "feature-environment-variants-updated", actor,
            lambda f: f.with_state(f.at(environment).model_copy(update={"variants": variants})))

    def set_dependencies(self, name: str, dependencies: tuple[Dependency, ...], actor: Actor,
                         tx: Connection | None = None) -> Feature:
        """Replace the parents. Parents have no parents of their own."""
        return self._change(name, "", "feature-dependencies-updated", actor,
                            lambda f: f.model_copy(update={"dependencies": dependencies}), tx)

    def dependents(self, name: str, tx: Connection | None = None) -> list[str]:
        """The names of the live features that depend on this one."""
        with self._reading(tx) as work:
            return [f.name for f in store.children(work, name)]

    def archive(self, name: str, actor: Actor, tx: Connection | None = None) -> Feature:
        """Take a feature out of use: off everywhere, its name kept for ever. `Conflict` if others depend on it."""
        with self._writing(tx) as tx:  # noqa: PLR1704
            dependents = self.dependents(name, tx)
            if dependents:
                raise Conflict(Problem("name", msg("{names} depend on it", names=", ".join(dependents))))
            return self._change(name, "", "feature-archived", actor, lambda f: archived(f, self._clock()), tx)

    def archive_all(self, names: list[str], actor: Actor) -> None:
        """Take several out of use, or none: those that depend on others of them first."""
        with self._db.write() as tx:
            found = {name: _found(store.get(tx, name), name) for name in names}
            for name in sorted(found, key=lambda n: not found[n].dependencies):
                self.archive(name, actor, tx)

    def revive(self, name: str, actor: Actor, tx: Connection | None = None) -> Feature:
        """Bring an archived feature back, off everywhere."""
        def change(item: Feature) -> Feature:
            if item.archived_at:
                check_dependencies(work, item)  # a parent may have gone, or got a parent itself
            return item.model_copy(update={"archived_at": None})

        with self._writing(tx) as work:
            return self._change(name, "", "feature-revived", actor, change, work)

    def delete(self, name: str, actor: Actor, tx: Connection | None = None) -> None:
        """Forget an archived feature. Its name stays taken. Raises `Conflict` for one in use."""
        with self._writing(tx) as tx:  # noqa: PLR1704
            item = _found(store.get(tx, name), name)
            if item.archived_at is None:
                raise Conflict(Problem("name", msg("{name} is not archived", name=name)))
            store.delete(tx, name, self._clock())
            self._record(tx, actor, "feature-deleted", item, before=whole(item))

    # -- segments -----------------------------------------------------------------------------------------------

    def add_segment(self, item: Segment, actor: Actor, tx: Connection | None = None) -> Segment:
        """A new segment. Raises `Conflict` if the name is taken."""
        with self._writing(tx) as tx:  # noqa: PLR1704
            if any(s.name == item.name for s in store.segments(tx).values()):
                raise Conflict(Problem("name", msg("{name} is taken", name=item.name)))
            made = item.model_copy(update={"id": store.add_segment(tx, item)})
            record(tx, actor, "segment-created", room=ROOM, subject=made.name, after=made.wire(), at=self._clock())
        return made

    def change_segment(self, item: Segment, actor: Actor) -> None:
        """Replace a segment; every feature that uses it is held against the gate again."""
        with self._db.write() as tx:
            before = store.segments(tx)
            if item.id not in before:
                raise NotFound(Problem("segment", msg("there is no such segment")))
            if before[item.id] == item:
                return
            if any(s.name == item.name for s in before.values() if s.id != item.id):
                raise Conflict(Problem("name", msg("{name} is taken", name=item.name)))
            store.save_segment(tx, item)
            event = record(tx, actor, "segment-updated", room=ROOM, subject=item.name, before=before[item.id].wire(),
                           after=item.wire(), at=self._clock())
            after = before | {item.id: item}
            for user in _users(store.features(tx), item.id):
                pass_gate(tx, self._gate, event, Step(user, before), Step(user, after))

    def remove_segment(self, number: int, actor: Actor) -> None:
        """Delete a segment. Raises `Conflict` while a strategy uses it."""
        with self._db.write() as tx:
            item = store.segments(tx).get(number)
            if item is None:
                raise NotFound(Problem("segment", msg("there is no such segment")))
            users = _users(store.features(tx), number)
            if users:
                raise Conflict(Problem("segment", msg("{names} use it", names=", ".join(f.name for f in users))))
            store.remove_segment(tx, number)
            record(tx, actor, "segment-deleted", room=ROOM, subject=item.name, before=item.wire(), at=self._clock())

    # -- the one place where a flag's state changes ---------------------------------------------------------------

    def _change(self, name: str, environment: str, act: str, actor: Actor, change: Callable[[Feature], Feature],
                tx: Connection | None = None, about: Callable[[Feature], Any] | None = None) -> Feature:
        about = about or (lambda f: about_of(f, environment))
        with self._writing(tx) as tx:  # noqa: PLR1704
            if environment:
                self.environment(environment, tx)
            before = _found(store.get(tx, name), name)
            after = change(before)
            if after == before:
                return before
            # Only what is new is checked: what has gone bad elsewhere since must not keep a feature from closing.
            check_segments(tx, segments_of(after) - segments_of(before))
            if after.dependencies != before.dependencies:
                check_dependencies(tx, after)
            check_places(tx, before, after)
            if after.tags != before.tags:
                check_tag_types(tx, after.tags)
                words.keep_tags(tx, after.tags)
            store.save(tx, after)
            event = self._record(tx, actor, act, after, environment, about(before), about(after))
            segments = store.segments(tx)
            pass_gate(tx, self._gate, event, Step(before, segments), Step(after, segments))
            for child in store.children(tx, name):
                pass_gate(tx, self._gate, event, Step(child, segments, before), Step(child, segments))
        return after

    def _record(self, tx: Connection, actor: Actor, act: str, item: Feature, environment: str = "",
                before: Any = None, after: Any = None) -> Event:
        return record(tx, actor, act, room=ROOM, subject=item.name, environment=environment, project=item.project,
                      before=before, after=after, at=self._clock())

    @contextmanager
    def _writing(self, tx: Connection | None) -> Iterator[Connection]:
        """The caller's transaction, or one of its own."""
        with nullcontext(tx) if tx is not None else self._db.write() as mine:
            yield mine

    @contextmanager
    def _reading(self, tx: Connection | None) -> Iterator[Connection]:
        with nullcontext(tx) if tx is not None else self._db.read() as mine:
            yield mine


def _found(item: Feature | None, name: str) -> Feature:
    if item is None:
        raise NotFound(Problem("feature", msg("there is no feature {name}", name=name)))
    return item


def _users(features: list[Feature], segment: int) -> list[Feature]:
    return [f for f in features if segment in segments_of(f)]
