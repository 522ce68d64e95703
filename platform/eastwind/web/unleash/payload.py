"""What SDKs poll: bytes made once for each revision, scope and segment capability."""

import gzip
import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from flask import request

from eastwind.errors import Invalid, Problem, msg
from eastwind.flags import Publisher, Snapshot
from eastwind.flags.changes import used_segments
from eastwind.flags.document import Document
from eastwind.people import Token
from eastwind.people.model import ALL

_MOST = 256
_SEMVER = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_ETAG = re.compile(r'(?:W/)?"([0-9a-f]+):(\d{1,18}):v1"')


@dataclass(frozen=True, slots=True)
class Scope:
    """What one asker may see and can read. The token's environment and projects, which a query can only narrow."""

    environment: str
    projects: tuple[str, ...] = (ALL,)
    prefix: str = ""
    tags: tuple[str, ...] = ()
    apart: bool = True

    def covers(self, project: str) -> bool:
        """Whether features of `project` are within."""
        return ALL in self.projects or project in self.projects

    def admits(self, feature: Document, tags: Mapping[str, frozenset[str]]) -> bool:
        """Whether a feature is within; `tags` holds those of each feature, of which any asked for is enough."""
        name = feature["name"]
        tagged = not self.tags or not tags.get(name, frozenset()).isdisjoint(self.tags)
        return tagged and name.startswith(self.prefix) and self.covers(feature["project"])

    @property
    def query(self) -> dict[str, Any]:
        """As the document repeats it."""
        asked: dict[str, Any] = {"environment": self.environment, "inlineSegmentConstraints": not self.apart}
        if ALL not in self.projects:
            asked["project"] = list(self.projects)
        if self.prefix:
            asked["namePrefix"] = self.prefix
        return asked | ({"tag": list(self.tags)} if self.tags else {})


@dataclass(frozen=True)
class Payload:
    """One answer, ready to be sent."""

    snapshot: Snapshot
    digest: str
    etag: str
    body: bytes

    @cached_property
    def zipped(self) -> bytes:
        """The body in gzip, made when first asked for."""
        return gzip.compress(self.body, 6, mtime=0)

    def held(self, etag: str) -> int | None:
        """The revision that an asker with this ETag holds, if it is one of this scope's."""
        found = _ETAG.fullmatch(etag.strip())
        return int(found[2]) if found and found[1] == self.digest else None


class Payloads:
    """The newest payload of each scope; the least lately asked for go when there are too many."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._made: OrderedDict[Scope, Payload] = OrderedDict()
        self._making = threading.Lock()

    def of(self, scope: Scope) -> Payload:
        """The payload at the newest revision. Raises `NotFound` for an unknown environment."""
        snapshot = self._publisher.current(scope.environment)
        made = self._made.get(scope)
        if made is not None and made.snapshot is snapshot:
            return made
        with self._making:
            # Looked at again: another thread may have made it meanwhile, or even a newer one.
            snapshot, made = self._publisher.current(scope.environment), self._made.get(scope)
            if made is None or made.snapshot is not snapshot:
                made = self._made[scope] = _payload(snapshot, scope)
            self._made.move_to_end(scope)
            while len(self._made) > _MOST:
                self._made.popitem(last=False)
            return made


def scope_of(token: Token) -> Scope:
    """What the request asks for. A token that names projects says which; the query counts where it does not."""
    asked = tuple(sorted(set(request.args.getlist("project"))))
    projects = asked if asked and ALL in token.projects else token.projects
    return Scope(token.environment, projects, request.args.get("namePrefix", "")[:100],
                 tuple(sorted(set(request.args.getlist("tag")))), reads_segments(request.environ))


def reads_segments(environ: Mapping[str, Any]) -> bool:
    """Whether the SDK takes segments apart from the strategies that use them. Raises `Invalid` for no version."""
    text: str = environ.get("HTTP_UNLEASH_CLIENT_SPEC", "")
    return bool(text) and _is_new_enough(text)


@lru_cache(maxsize=256)
def _is_new_enough(text: str) -> bool:
    found = _SEMVER.fullmatch(text)
    if not found:
        raise Invalid(Problem("Unleash-Client-Spec", msg("must be a version like 5.2.0")))
    return tuple(int(n) for n in found.groups()) >= (4, 2, 0)


def _payload(snapshot: Snapshot, scope: Scope) -> Payload:
    digest = hashlib.sha256(json.dumps(scope.query, sort_keys=True).encode()).hexdigest()[:8]
    etag = f'"{digest}:{snapshot.revision}:v1"'
    features = [f for f in snapshot.features if scope.admits(f, snapshot.tags)]
    used = used_segments(features)
    segments = [s for s in snapshot.segments if s["id"] in used]
    document: Document = {"version": 2, "features": features, "segments": segments}
    if not scope.apart:
        document = {"version": 2, "features": inlined(features, {s["id"]: s for s in segments})}
    document |= {"query": scope.query,
                 "meta": {"revisionId": snapshot.revision, "etag": etag, "queryHash": digest}}
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    return Payload(snapshot, digest, etag, body)


def inlined(features: list[Document], segments: Mapping[int, Document]) -> list[Document]:
    """Features for SDKs that do not know segments: their constraints stand in each strategy.

    A strategy whose segment is missing is left out, and a feature left without any is off: to such an SDK none would
    mean everybody.
    """
    return [_inlined(f, segments) for f in features]


def _inlined(feature: Document, segments: Mapping[int, Document]) -> Document:
    if not used_segments([feature]):
        return feature
    strategies = []
    for strategy in feature["strategies"]:
        numbers = strategy.get("segments", [])
        if all(number in segments for number in numbers):
            more = [c for number in numbers for c in segments[number]["constraints"]]
            rest = {key: value for key, value in strategy.items() if key != "segments"}
            strategies.append(rest | {"constraints": [*strategy.get("constraints", []), *more]})
    return feature | {"strategies": strategies, "enabled": feature["enabled"] and bool(strategies)}
