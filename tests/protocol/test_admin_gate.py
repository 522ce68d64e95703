"""No route gets a production flag of an experiment past its readiness. A new route that is not listed here fails."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from eastwind.app import House, build, create_app
from eastwind.audit import SYSTEM
from eastwind.cli.first_start import prepare
from eastwind.flags import Constraint, Dependency, Feature, FeatureEnvironment, Flags, OpenGate, Segment, Strategy
from eastwind.flags.model import Variant
from eastwind.flags.passage import Step
from eastwind.settings import load
from tests.protocol.conftest import ADMIN, ROOT, TESTER

FLAG, PARENT, PLACE, SLUG = "outage-lookup", "its-parent", "production", "outage-lookup"
P = "/api/admin/projects/<project>"
F = f"{P}/features/<feature>"
E = f"{F}/environments/<environment>"
S = f"{E}/strategies/<strategy>"
PASSWORD = "wind-from-the-east"
EVERYBODY = {"name": "flexibleRollout", "parameters": {"rollout": "100", "stickiness": "userId", "groupId": FLAG}}
IN = [{"name": "in", "weight": 1000, "weightType": "fix"}]
TO_IN = [{"op": "replace", "path": "", "value": IN}]
IMPORT = {"environment": PLACE, "data": {
    "features": [{"name": FLAG}], "featureEnvironments": [{"featureName": FLAG, "enabled": True}],
    "featureStrategies": [{"featureName": FLAG, **EVERYBODY}]}}
ADDED = {"addedTags": [{"type": "simple", "value": "x"}]}

# Route: which situation, of which flag, with what body, and the status that must come back.
Try = tuple[str, str, Any, int]
TRIES: dict[str, Try] = {
    f"POST {E}/on": ("off", FLAG, None, 409),
    f"POST {E}/off": ("none", FLAG, None, 200),
    f"POST {P}/bulk_features/environments/<environment>/on": ("off", FLAG, {"features": [FLAG]}, 409),
    f"POST {P}/bulk_features/environments/<environment>/off": ("none", FLAG, {"features": [FLAG]}, 200),
    f"POST {E}/strategies": ("none", FLAG, {"name": "default"}, 409),
    f"POST {E}/strategies/set-sort-order": ("none", FLAG, [{"id": "s0", "sortOrder": 9}], 200),
    f"PUT {S}": ("none", FLAG, EVERYBODY, 409),
    f"PATCH {S}": ("none", FLAG, [{"op": "replace", "path": "/parameters/rollout", "value": "100"}], 409),
    f"DELETE {S}": ("none", FLAG, None, 200),  # with none left, it is off
    f"PUT {E}/variants": ("variant", PARENT, IN, 409),
    f"PATCH {E}/variants": ("variant", PARENT, TO_IN, 409),
    f"PUT {F}/variants-batch": ("variant", PARENT, {"environments": [PLACE], "variants": IN}, 409),
    f"POST {F}/dependencies": ("child", FLAG, {"feature": PARENT, "enabled": False}, 409),
    f"DELETE {F}/dependencies": ("child", FLAG, None, 409),
    f"DELETE {F}/dependencies/<parent>": ("child", FLAG, None, 409),
    f"POST {P}/features": ("off", FLAG, {"name": FLAG, "enabled": True}, 409),  # the name is taken
    f"PUT {F}": ("off", FLAG, {"enabled": True, "environments": {PLACE: {"enabled": True}}}, 200),
    f"PATCH {F}": ("off", FLAG, [{"op": "add", "path": "/enabled", "value": True}], 200),
    f"DELETE {F}": ("child", PARENT, None, 409),
    f"POST {F}/clone": ("off", FLAG, {"name": "a-clone"}, 201),
    f"POST {F}/lifecycle/complete": ("off", FLAG, {"status": "kept"}, 200),
    f"POST {F}/lifecycle/uncomplete": ("off", FLAG, None, 200),
    f"POST {P}/stale": ("off", FLAG, {"features": [FLAG], "stale": True}, 202),
    f"PUT {P}/tags": ("off", FLAG, {"features": [FLAG], "tags": ADDED}, 200),
    f"POST {P}/archive": ("child", FLAG, {"features": [PARENT]}, 409),
    f"POST {P}/revive": ("archived", FLAG, {"features": [FLAG]}, 200),
    f"POST {P}/delete": ("off", FLAG, {"features": [FLAG]}, 409),
    "POST /api/admin/archive/revive/<feature>": ("archived", FLAG, None, 200),
    "DELETE /api/admin/archive/<feature>": ("off", FLAG, None, 409),
    "POST /api/admin/features/<feature>/tags": ("off", FLAG, {"type": "simple", "value": "y"}, 201),
    "PUT /api/admin/features/<feature>/tags": ("off", FLAG, ADDED, 200),
    "DELETE /api/admin/features/<feature>/tags/<kind>/<value>": ("off", FLAG, None, 200),
    "PUT /api/admin/segments/<int:number>": ("segment", FLAG, {"name": "nobody", "constraints": []}, 409),
    "DELETE /api/admin/segments/<int:number>": ("segment", FLAG, None, 409),
    "POST /api/admin/features-batch/import": ("none", FLAG, IMPORT, 409),
    "POST /api/admin/environments/<environment>/on": ("off", FLAG, None, 204),
    "POST /api/admin/environments/<environment>/off": ("none", FLAG, None, 409),  # something is on there
    f"POST {P}/environments": ("off", FLAG, {"environment": PLACE}, 200),
    f"DELETE {P}/environments/<environment>": ("none", FLAG, None, 409),
    "POST /api/v1/experiments/<slug>/open": ("off", FLAG, {"environment": PLACE, "share": "100"}, 409),
    "POST /api/v1/experiments/<slug>/close": ("none", FLAG, {"environment": PLACE, "reason": "a test"}, 200),
    "POST /experiments/<slug>/open": ("off", FLAG, {"environment": PLACE, "share": "100"}, 409),
    "POST /experiments/<slug>/close": ("none", FLAG, {"environment": PLACE}, 303),
}

# These write no flag: none of their views has a hand on one, or they make what no flag of today uses.
OTHERS = {
    *(f"{m} /api/{part}/<path:rest>" for m in ("POST", "PUT", "PATCH", "DELETE")
      for part in ("admin", "client", "frontend")),
    *(f"{m} {at}/api-tokens{rest}" for at in ("/api/admin", P)
      for m, rest in (("POST", ""), ("PUT", "/<path:secret>"), ("DELETE", "/<path:secret>"))),
    "POST /api/admin/context", "PUT /api/admin/context/<name>", "DELETE /api/admin/context/<name>",
    "POST /api/admin/context/validate", "POST /api/admin/context/<name>/legal-values",
    "DELETE /api/admin/context/<name>/legal-values/<path:value>",
    "POST /api/admin/tag-types", "PUT /api/admin/tag-types/<name>", "DELETE /api/admin/tag-types/<name>",
    "POST /api/admin/tag-types/validate", "POST /api/admin/tags", "DELETE /api/admin/tags/<kind>/<value>",
    "POST /api/admin/environments", "PUT /api/admin/environments/sort-order", "POST /api/admin/projects",
    "POST /api/admin/segments", "POST /api/admin/segments/validate", "POST /api/admin/features/validate",
    "POST /api/admin/events/search", "POST /api/admin/features-batch/export",
    "POST /api/admin/features-batch/validate", f"POST {P}/archive/validate",
    "POST /api/admin/playground", "POST /api/admin/playground/advanced",
    "POST /api/client/metrics", "POST /api/client/metrics/bulk", "POST /api/client/register", "POST /api/frontend",
    "POST /api/frontend/client/metrics", "POST /api/frontend/client/register", "POST /edge/validate",
    "POST /api/v1/experiments/<slug>/exposures", "POST /api/v1/experiments/<slug>/outcomes",
    "POST /api/v1/experiments/<slug>/reviews", "POST /experiments/<slug>/review", "POST /experiments/<slug>/drill",
    "POST /hall/<service>/call", "POST /hall/<service>/helped", "POST /hall/language", "POST /hall/leave",
    "POST /hall/sign-in", "POST /hall/sign-out", "POST /language", "POST /sign-in", "POST /sign-out",
}


@dataclass
class Place:
    """The whole application, with an experiment that nothing was shown to be ready for."""

    house: House
    client: FlaskClient
    segment: int

    @property
    def free(self) -> Flags:
        """Writes past the gate, to bring about a situation."""
        return Flags(self.house.db, OpenGate())

    def arrange(self, enabled: bool, *strategies: Strategy, parents: tuple[Dependency, ...] = ()) -> None:
        self.free.revive(FLAG, TESTER)
        self.free.set_state(FLAG, FeatureEnvironment(environment=PLACE), TESTER)
        self.free.set_dependencies(FLAG, parents, TESTER)
        placed = tuple(s.model_copy(update={"id": f"s{n}"}) for n, s in enumerate(strategies))
        self.free.set_state(FLAG, FeatureEnvironment(environment=PLACE, enabled=enabled, strategies=placed), TESTER)

    def parent(self, enabled: bool, *variants: Variant) -> None:
        self.free.set_state(PARENT, FeatureEnvironment(
            environment=PLACE, enabled=enabled, strategies=(Strategy(id="p", name="default"),), variants=variants),
            TESTER)

    def share(self) -> float:
        """The most that the flag reaches now."""
        with self.house.db.read() as tx:
            segments = {s.id: s for s in self.free.segments()}
            found = Step(self.free.feature(FLAG, tx), segments).reach(tx, PLACE)
            return float(found.share(self.house.grid.population(tx)))


def rollout(percent: int) -> Strategy:
    return Strategy.model_validate(EVERYBODY | {"parameters": {**EVERYBODY["parameters"], "rollout": str(percent)}})


def child(place: Place, parent_on: bool, *variants: str) -> None:
    place.parent(parent_on, Variant(name="in", weight=0, weight_type="fix"), Variant(name="out", weight=1000))
    place.arrange(True, rollout(100), parents=(Dependency(feature=PARENT, variants=variants),))


def archived(place: Place) -> None:
    place.arrange(False, rollout(100))
    place.free.archive(FLAG, TESTER)


# All of them reach nobody, and one step further everybody.
SITUATIONS: dict[str, Callable[[Place], None]] = {
    "off": lambda p: p.arrange(False, rollout(100)),
    "none": lambda p: p.arrange(True, rollout(0)),
    "child": lambda p: child(p, False),
    "variant": lambda p: child(p, True, "in"),
    "segment": lambda p: p.arrange(True, Strategy(name="default", segments=(p.segment,))),
    "archived": archived,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home: Path = tmp_path_factory.mktemp("gate") / "home"
    for folder in ("config", "loadtests", f"experiments/{SLUG}"):
        shutil.copytree(ROOT / folder, home / folder)
    house = build(load({"EASTWIND_DATA_DIR": str(home / "var"), "EASTWIND_CUSTOMERS": "500"}, home))
    prepare(house)
    house.people.issue_token("admin", "*", ("*",), "admin", SYSTEM, secret=ADMIN)
    app = create_app(house)
    app.config["WTF_CSRF_ENABLED"] = False
    free = Flags(house.db, OpenGate())
    free.create(Feature(name=PARENT), TESTER)
    nobody = (Constraint(context_name="userId", operator="IN"),)
    made = free.add_segment(Segment(name="nobody", constraints=nobody), TESTER)
    client = app.test_client()
    house.people.add_user("lin", PASSWORD, "innovator", SYSTEM)
    assert client.post("/sign-in", data={"name": "lin", "password": PASSWORD}).status_code == 303
    yield Place(house, client, made.id)
    house.publisher.stop()
    house.arrivals.stop()
    house.db.close()


def test_routes__every_one_that_is_no_reading__is_listed(place: Place) -> None:
    found = {f"{method} {rule.rule}" for rule in place.client.application.url_map.iter_rules()
             for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}}
    assert found == TRIES.keys() | OTHERS, "say for each new route whether it writes flags, and try it"
    assert not TRIES.keys() & OTHERS


@pytest.mark.parametrize("rule", TRIES)
def test_gate__no_route__widens_an_experiment_past_its_evidence(place: Place, rule: str) -> None:
    situation, feature, body, status = TRIES[rule]
    SITUATIONS[situation](place)
    assert place.share() == 0
    method, path = rule.split(" ", 1)
    for name, value in {"<project>": "default", "<feature>": feature, "<environment>": PLACE, "<strategy>": "s0",
                        "<parent>": PARENT, "<slug>": SLUG, "<int:number>": str(place.segment), "<kind>": "simple",
                        "<value>": "y"}.items():
        path = path.replace(name, value)
    form = "data" if path.startswith("/experiments") else "json"
    sent: dict[str, Any] = {} if body is None else {form: body}
    answer = place.client.open(path, method=method, headers={"Authorization": ADMIN}, **sent)
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert place.share() == 0
