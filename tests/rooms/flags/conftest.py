"""Builders of flags, a gate that remembers what it was asked, and the real engine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from yggdrasil_engine.engine import UnleashEngine

from eastwind.audit import Actor, Audit, Event
from eastwind.db import Connection, Database
from eastwind.errors import Problem, Refused, msg
from eastwind.flags import Environment, Feature, FeatureEnvironment, Flags, Publisher, Strategy
from eastwind.flags.document import feature_document
from eastwind.flags.gate import percent

ANNA = Actor("user", "anna")


@dataclass
class AskedGate:
    """A real gate with one rule: in production nothing above `most` percent."""

    most: Decimal = Decimal(100)
    people: int = 1000
    asked: list[tuple[str, str, Decimal]] = field(default_factory=list)
    settled: list[tuple[str, str, Decimal]] = field(default_factory=list)
    inside: list[bool] = field(default_factory=list)

    def check(self, tx: Connection, environment: Environment, feature: str, share: Fraction) -> None:
        self.asked.append((environment.name, feature, percent(share)))
        self.inside.append(tx.in_transaction())
        if environment.type == "production" and percent(share) > self.most:
            raise Refused(Problem("share", msg("at most {most} %", most=self.most)))

    def settle(self, tx: Connection, environment: Environment, feature: str, share: Fraction, event: Event,
               named: frozenset[str]) -> None:
        self.settled.append((environment.name, feature, percent(share)))

    def population(self, tx: Connection) -> int:
        return self.people


@pytest.fixture
def gate() -> AskedGate:
    return AskedGate()


@pytest.fixture
def flags(sqlite_db: Database, gate: AskedGate) -> Flags:
    made = Flags(sqlite_db, gate)
    made.ensure_defaults()
    return made


def acts(db: Database) -> list[str]:
    """What happened to flags, oldest first."""
    return [e.act for e in reversed(Audit(db).history(room="flags", limit=1000))]


def a_flag(flags: Flags, name: str = "bill", *strategies: Strategy, on: bool = True,
           environment: str = "production") -> Feature:
    """A flag with these strategies, everybody without any."""
    flags.create(Feature(name=name), ANNA)
    placed = tuple(s.model_copy(update={"id": f"s{n}"}) for n, s in enumerate(strategies or (rollout(100),)))
    return flags.set_state(name, FeatureEnvironment(environment=environment, enabled=on, strategies=placed), ANNA)


def rollout(percent: int, group: str = "bill", **more: Any) -> Strategy:
    """A share of customers."""
    parameters = {"rollout": str(percent), "stickiness": "userId", "groupId": group}
    return Strategy(name="flexibleRollout", parameters=parameters, **more)


def engine_with(features: Iterable[Feature], environment: str = "production",
                segments: Iterable[dict[str, Any]] = ()) -> UnleashEngine:
    """The SDKs' engine holding these features as they would go out."""
    import json

    engine = UnleashEngine()
    documents = [wire_document(f, environment) for f in features]
    engine.take_state(json.dumps({"version": 2, "features": documents, "segments": list(segments)}))
    assert {t.name for t in engine.list_known_toggles()} == {d["name"] for d in documents}
    return engine


def wire_document(feature: Feature, environment: str = "production") -> Mapping[str, Any]:
    """As the publisher would build it from the stored rows."""
    state = feature.at(environment)
    return feature_document({
        **feature.model_dump(include={"name", "type", "description", "project", "stale", "impression_data"}),
        "enabled": state.enabled, "strategies": [s.wire() for s in state.strategies],
        "variants": [v.wire() for v in state.variants], "dependencies": [d.wire() for d in feature.dependencies],
    })


def published(db: Database, environment: str = "production") -> dict[str, Mapping[str, Any]]:
    """What goes out now, by name."""
    return {f["name"]: f for f in Publisher(db).current(environment).features}


def enabled(engine: UnleashEngine, feature: str, ids: Iterable[str]) -> set[str]:
    """Who of `ids` has it on."""
    return {i for i in ids if engine.check_enabled(feature, {"userId": i}).is_enabled}
