"""Evaluation on the server, by the engine inside the official SDKs: the two cannot disagree."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from yggdrasil_engine.engine import UnleashEngine

from eastwind.flags.publish import Publisher, Snapshot
from eastwind.flags.resolve import Resolver

Context = Mapping[str, Any]
_PLAIN_FIELDS = ("userId", "sessionId", "remoteAddress", "environment", "appName", "currentTime")


@dataclass(frozen=True)
class Loaded:
    """An engine that holds one snapshot and never another."""

    snapshot: Snapshot
    engine: UnleashEngine

    @cached_property
    def resolver(self) -> Resolver:
        """Asks it for all flags at once."""
        return Resolver(self.engine, self.snapshot.features, self.snapshot.segments)


class Evaluator:
    """Answers for one context at a time, always by the newest snapshot."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._loaded: dict[str, Loaded] = {}
        self._loading = threading.Lock()

    def is_enabled(self, feature: str, environment: str, context: Context) -> bool:
        """Whether `feature` is on for this context; unknown features are off."""
        return bool(self.at(environment).engine.check_enabled(feature, context_for_engine(context)).is_enabled)

    def variant(self, feature: str, environment: str, context: Context) -> dict[str, Any] | None:
        """The variant as `{"name", "enabled", "payload"?, "feature_enabled"}`, or None."""
        found = self.at(environment).engine.check_variant(feature, context_for_engine(context)).variant
        return dict(found.__dict__) if found is not None and hasattr(found, "__dict__") else found

    def at(self, environment: str) -> Loaded:
        """The engine that holds the newest snapshot of `environment`."""
        snapshot = self._publisher.current(environment)
        loaded = self._loaded.get(environment)
        if loaded is None or loaded.snapshot is not snapshot:
            loaded = self._load(snapshot)
        return loaded

    def _load(self, snapshot: Snapshot) -> Loaded:
        with self._loading:
            loaded = self._loaded.get(snapshot.environment)
            if loaded is None or loaded.snapshot is not snapshot:
                # A new engine each time: one that is being asked is never changed under the asker.
                engine = UnleashEngine()
                engine.take_state(json.dumps(snapshot.document()))
                loaded = self._loaded[snapshot.environment] = Loaded(snapshot, engine)
            return loaded


def context_for_engine(context: Context) -> dict[str, Any]:
    """Unleash's context: known fields at the top, all others as text below `properties`."""
    known = {k: str(v) for k, v in context.items() if k in _PLAIN_FIELDS and v is not None}
    given = context.get("properties")
    properties = {str(k): str(v) for k, v in given.items()} if isinstance(given, Mapping) else {}
    others = {k: str(v) for k, v in context.items()
              if k not in _PLAIN_FIELDS and k != "properties" and isinstance(v, str | int | float)}
    return known | {"properties": properties | others}
