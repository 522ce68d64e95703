"""The only way to write a flag. Every write is one transaction with one audit event, and passes the gate.

A command states what shall be, so repeating it changes nothing and adds no event: a client that lost the answer may
simply ask again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from eastwind.audit import SYSTEM, Actor, Event, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.db.upsert import put
from eastwind.errors import Conflict, Invalid, NotFound, Problem, msg
from eastwind.flags import store
from eastwind.flags.edit import archived, described, placed, segments_of, strategy_of, switched, with_strategies
from eastwind.flags.gate import Gate
from eastwind.flags.model import (
    Dependency,
    Environment,
    Feature,
    FeatureEnvironment,
    Project,
    Segment,
    Strategy,
    Variant,
)
from eastwind.flags.reach import Reach, reach

ROOM = "flags"
_DEFAULTS = (
    Environment(name="development", type="development", sort_order=1),
    Environment(name="production", type="production", sort_order=2),
)


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
                self._put_environment(tx, item, SYSTEM)
            if not store.projects(tx):
                self._put_project(tx, Project(id="default", name="Default"), SYSTEM)

    def add_environment(self, item: Environment, actor: Actor) -> None:
        """A new environment. Raises `Conflict` if the name is taken."""
        with self._db.write() as tx:
            if any(e.name == item.name for e in store.environments(tx)):
                raise Conflict(Problem("name", msg("{name} is taken", name=item.name)))
            self._put_environment(tx, item, actor)

    def add_project(self, item: Project, actor: Actor) -> None:
        """A new project. Raises `Conflict` if the id is taken."""
        with self._db.write() as tx:
            if any(p.id == item.id for p in store.projects(tx)):
                raise Conflict(Problem("id", msg("{name} is taken", name=item.id)))
            self._put_project(tx, item, actor)

    def create(self, item: Feature, actor: Actor, tx: Connection | None = None) -> Feature:
        """A new feature, off everywhere. Raises `Conflict` if the name is or ever was in use."""
        with self._writing(tx) as tx:  # noqa: PLR1704
            taken = store.name_taken(tx, item.name)
            if taken:
                raise Conflict(Problem("name", msg("{name} is taken; names are never used twice", name=taken)))
            if item.project not in {p.id for p in store.projects(tx)}:
                raise NotFound(Problem("project", msg("there is no project {name}", name=item.project)))
            made = item.model_copy(update={"created_at": self._clock(), "archived_at": None, "environments": {}})
            self._check_dependencies(tx, made, made.dependencies)
            store.save(tx, made)
            self._record(tx, actor, "feature-created", made, after=_about(made))
        return made

    def describe(self, name: str, changes: Mapping[str, Any], actor: Actor) -> Feature:
        """Change type, description, stale or impressionData; other keys are ignored."""
        allowed = {k: v for k, v in changes.items() if k in ("type", "description", "stale", "impression_data")}
        return self._change(name, "", "feature-metadata-updated", actor, lambda f: described(f, allowed))

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

    def archive(self, name: str, actor: Actor) -> Feature:
        """Take a feature out of use: off everywhere, its name kept for ever. `Conflict` if others depend on it."""
        with self._db.write() as tx:
            dependents = [f.name for f in store.children(tx, name)]
            if dependents:
                raise Conflict(Problem("name", msg("{names} depend on it", names=", ".join(dependents))))
            return self._change(name, "", "feature-archived", actor, lambda f: archived(f, self._clock()), tx)

    def revive(self, name: str, actor: Actor) -> Feature:
        """Bring an archived feature back, off everywhere."""
        return self._change(name, "", "feature-revived", actor,
                            lambda f: f.model_copy(update={"archived_at": None}))

    # -- segments -----------------------------------------------------------------------------------------------

    def add_segment(self, item: Segment, actor: Actor) -> Segment:
        """A new segment. Raises `Conflict` if the name is taken."""
        with self._db.write() as tx:
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
                self._gate_all(tx, event, Step(user, before), Step(user, after))

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
                tx: Connection | None = None) -> Feature:
        with self._writing(tx) as tx:  # noqa: PLR1704
            if environment:
                self.environment(environment, tx)
            before = _found(store.get(tx, name), name)
            after = change(before)
            if after == before:
                return before
            # Only what is new is checked: what has gone bad elsewhere since must not keep a feature from closing.
            self._check_segments(tx, segments_of(after) - segments_of(before))
            if after.dependencies != before.dependencies:
                self._check_dependencies(tx, after, after.dependencies)
            store.save(tx, after)
            event = self._record(tx, actor, act, after, environment, _about(before, environment),
                                 _about(after, environment))
            segments = store.segments(tx)
            self._gate_all(tx, event, Step(before, segments), Step(after, segments))
            for child in store.children(tx, name):
                self._gate_all(tx, event, Step(child, segments, before), Step(child, segments))
        return after

    def _gate_all(self, tx: Connection, event: Event, before: Step, after: Step) -> None:
        """Hold a feature against the gate in each environment in which its reach grew. The write is already made."""
        for place in store.environments(tx):
            was, now_ = before.reach(tx, place.name), after.reach(tx, place.name)
            if was == now_:
                continue
            share = now_.share(self._gate.population(tx))
            # Growing means more share or other people by name, even where the number stays the same.
            if now_.fraction > was.fraction or not now_.ids <= was.ids:
                self._gate.check(tx, place, after.feature.name, share)
            self._gate.settle(tx, place, after.feature.name, share, event)

    def _check_segments(self, tx: Connection, used: frozenset[int]) -> None:
        missing = used - store.segments(tx).keys() if used else set()
        if missing:
            numbers = ", ".join(map(str, sorted(missing)))
            raise Invalid(Problem("segments", msg("there is no segment {numbers}", numbers=numbers)))

    def _check_dependencies(self, tx: Connection, item: Feature, dependencies: tuple[Dependency, ...]) -> None:
        if dependencies and (users := store.children(tx, item.name)):
            names = ", ".join(f.name for f in users)
            raise Invalid(Problem("dependencies", msg("{names} depend on it, so it cannot have a parent", names=names)))
        for place, dependency in enumerate(dependencies):
            at = f"dependencies.{place}.feature"
            parent = store.get(tx, dependency.feature)
            if parent is None or parent.archived_at or parent.name == item.name:
                raise Invalid(Problem(at, msg("there is no feature {name}", name=dependency.feature)))
            if parent.dependencies:
                raise Invalid(Problem(at, msg("{name} has a parent itself", name=parent.name)))

    def _put_environment(self, tx: Connection, item: Environment, actor: Actor) -> None:
        put(tx, store.environment, [item.model_dump()])
        record(tx, actor, "environment-created", room=ROOM, subject=item.name, after=item.wire(), at=self._clock())

    def _put_project(self, tx: Connection, item: Project, actor: Actor) -> None:
        put(tx, store.project, [item.model_dump()])
        record(tx, actor, "project-created", room=ROOM, subject=item.id, project=item.id, after=item.wire(),
               at=self._clock())

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


def _about(item: Feature, environment: str = "") -> Any:
    """What an audit event keeps of a feature: one environment's state, or all but the states."""
    if environment:
        return item.at(environment).wire()
    return item.model_dump(by_alias=True, mode="json", exclude={"environments"})


def _users(features: list[Feature], segment: int) -> list[Feature]:
    return [f for f in features if segment in segments_of(f)]
