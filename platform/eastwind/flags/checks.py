"""What a feature refers to must be there. Only what a write brings in is checked, so nothing keeps one from closing."""

from eastwind.db import Connection
from eastwind.errors import Conflict, Invalid, Problem, msg
from eastwind.flags import store
from eastwind.flags.model import Feature


def check_segments(tx: Connection, used: frozenset[int]) -> None:
    """Raise `Invalid` naming the segments there are not."""
    missing = used - store.segments(tx).keys() if used else set()
    if missing:
        numbers = ", ".join(map(str, sorted(missing)))
        raise Invalid(Problem("segments", msg("there is no segment {numbers}", numbers=numbers)))


def check_dependencies(tx: Connection, item: Feature) -> None:
    """Raise `Invalid` for a parent that is not there or has a parent itself, or if others depend on the feature."""
    if item.dependencies and (users := store.children(tx, item.name)):
        names = ", ".join(f.name for f in users)
        raise Invalid(Problem("dependencies", msg("{names} depend on it, so it cannot have a parent", names=names)))
    for place, dependency in enumerate(item.dependencies):
        at = f"dependencies.{place}.feature"
        parent = store.get(tx, dependency.feature)
        if parent is None or parent.archived_at or parent.name == item.name:
            raise Invalid(Problem(at, msg("there is no feature {name}", name=dependency.feature)))
        if parent.dependencies:
            raise Invalid(Problem(at, msg("{name} has a parent itself", name=parent.name)))


def check_places(tx: Connection, before: Feature, after: Feature) -> None:
    """Raise `Conflict` if a feature goes on where its project is not."""
    on = [s.environment for s in after.environments.values() if s.enabled and not before.at(s.environment).enabled]
    if not on:
        return
    off = {e.name for e in store.environments(tx) if not e.enabled}
    closed = sorted(set(on) & (store.gaps(tx, after.project) | off))
    if closed:
        raise Conflict(Problem("environment", msg("{environment} is not open to {project}",
                                                  environment=", ".join(closed), project=after.project)))
