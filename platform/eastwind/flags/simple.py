"""Flags of the plainest shape, decided in place as the engine decides them: rollouts with IN and NOT_IN conditions.

The engine's hash of a rollout is murmur3 of "group:id", from 1 to 100. Whatever is not said here is the engine's to
decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mmh3

from eastwind.flags.document import Document

_hash = mmh3.hash
_TOP = ("userId", "sessionId", "remoteAddress", "environment", "appName")
_STICKY = ("default", "userId", "sessionId")


class Person:
    """A context, looked up by the names that flags use."""

    __slots__ = ("fields", "ids")

    def __init__(self, context: Mapping[str, Any]) -> None:
        self.fields: dict[str, str] = {k: v for k, v in context["properties"].items() if k not in _TOP}
        self.fields.update((name, context[name]) for name in _TOP if name in context)
        user, session = (context.get(name, "").encode("utf-8", "replace") for name in ("userId", "sessionId"))
        self.ids: dict[str, bytes] = {"default": user or session, "userId": user, "sessionId": session}


@dataclass(frozen=True, slots=True)
class Rollout:
    """A share of those whose `field` is in the context, and the conditions besides (None: not simple ones).

    A condition is a field, its values, and whether it must be among them.
    """

    field: str
    prefix: bytes
    percent: int
    conditions: tuple[tuple[str, frozenset[str], bool], ...] | None

    def admits(self, person: Person) -> bool | None:
        """Whether it lets this person in; None is for the engine to say."""
        found = person.ids[self.field]
        if not found:
            return None
        if _hash(self.prefix + found, 0, False) % 100 >= self.percent:
            return False
        if self.conditions is None:
            return None
        fields = person.fields
        for name, values, among in self.conditions:  # noqa: SIM110 - a generator would take half as long again
            if (fields.get(name) in values) is not among:
                return False
        return True


class Candidate:
    """A flag that is not off for everybody."""

    __slots__ = ("_only", "_rollouts", "document", "name", "project")

    def __init__(self, document: Document) -> None:
        self.document, self.project, self.name = document, document["project"], document["name"].encode("utf-8")
        plain = not (document.get("variants") or document.get("dependencies"))
        found = [_rollout(strategy, plain) for strategy in document["strategies"]]
        self._rollouts = tuple(r for r in found if r) if all(found) else ()
        self._only = self._rollouts[0] if len(self._rollouts) == 1 else None

    def decided(self, person: Person) -> bool | None:
        """Whether it is on; None is for the engine to say."""
        if self._only is not None:
            return self._only.admits(person)
        said = {rollout.admits(person) for rollout in self._rollouts}
        if said == {False}:
            return False
        return True if said and None not in said else None


def _rollout(strategy: Document, plain: bool) -> Rollout | None:
    parameters = strategy.get("parameters") or {}
    group, field, percent = (parameters.get(key, "") for key in ("groupId", "stickiness", "rollout"))
    whole = percent.isascii() and percent.isdigit() and len(percent) < 4
    if strategy["name"] != "flexibleRollout" or not group or not whole or field not in _STICKY:
        return None
    plain = plain and not strategy.get("variants") and not strategy.get("segments")
    return Rollout(field, f"{group}:".encode(), int(percent), _conditions(strategy) if plain else None)


def _conditions(strategy: Document) -> tuple[tuple[str, frozenset[str], bool], ...] | None:
    made = []
    for constraint in strategy.get("constraints") or ():
        if constraint["operator"] not in ("IN", "NOT_IN") or constraint["contextName"] == "currentTime":
            return None
        among = (constraint["operator"] == "IN") is not bool(constraint.get("inverted"))
        made.append((constraint["contextName"], frozenset(constraint.get("values") or ()), among))
    return tuple(made)
