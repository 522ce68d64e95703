"""The OpenFeature way for Python: Unleash's own provider and the community's, against a real server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.contrib.provider.unleash import UnleashProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import Reason
from unleash_openfeature_python_provider import UnleashFlagProvider
from UnleashClient.cache import FileCache

from tests.protocol.conftest import BACKEND, Server, until

SOMEBODY = EvaluationContext("1", {"channel": "网"})


def unleashs_own(server: Server, folder: Path, mode: str = "polling") -> Any:
    """Takes what UnleashClient takes."""
    return UnleashFlagProvider(
        url=f"{server.url}/api", app_name="of", custom_headers={"Authorization": BACKEND}, refresh_interval=1,
        cache_directory=str(folder), experimental_mode={"type": mode})


def streaming(server: Server, folder: Path) -> Any:
    return unleashs_own(server, folder, "streaming")


def communitys(server: Server, folder: Path) -> Any:
    """It polls, every 15 s unless its client is told otherwise."""
    made = UnleashProvider(f"{server.url}/api", "of", BACKEND, cache=FileCache("of", directory=str(folder)))
    made.client.unleash_refresh_interval = 1
    return made


@pytest.fixture
def client(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    made: Callable[[Server, Path], Any] = request.param
    api.set_provider_and_wait(made(server, tmp_path), "tests")
    yield api.get_client("tests")
    api.shutdown()


def a_flag(server: Server, name: str) -> None:
    """On for the channel 网, with a variant that carries a number."""
    server.flag(name, on=False)
    place = f"/api/admin/projects/default/features/{name}/environments/development"
    (strategy,) = server.call("GET", f"{place}/strategies").json()
    web = {"contextName": "channel", "operator": "IN", "values": ["网"]}
    more = [{"op": "add", "path": "/constraints/-", "value": web}]
    assert server.call("PATCH", f"{place}/strategies/{strategy['id']}", more).status_code == 200
    blue = {"name": "blue", "weight": 1000, "payload": {"type": "number", "value": "42"}}
    assert server.call("PUT", f"{place}/variants", [blue]).status_code == 200
    server.switch(name, True)


@pytest.mark.parametrize("client", [unleashs_own, streaming, communitys], indirect=True)
def test_openfeature__flag_variant_and_flip__come_through(
        server: Server, client: Any, request: pytest.FixtureRequest) -> None:
    name = f"of-{request.node.callspec.id.replace('_', '-')}"
    a_flag(server, name)
    until(lambda: client.get_boolean_value(name, False, SOMEBODY))
    assert not client.get_boolean_value(name, True, EvaluationContext("1", {"channel": "sms"}))
    found = client.get_integer_details(name, 7, SOMEBODY)
    assert (found.value, found.variant, found.error_code) == (42, "blue", None)
    server.switch(name, False)
    until(lambda: not client.get_boolean_value(name, True, SOMEBODY), 5)
    assert client.get_integer_value(name, 7, SOMEBODY) == 7
    assert client.get_boolean_value("no-such-flag", True, SOMEBODY)
    assert client.get_boolean_details(name, False, SOMEBODY).reason != Reason.ERROR
