"""The official UnleashClient, in a process of its own, against a real server."""

import json
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from eastwind.arrivals import Arrival, Arrivals
from tests.protocol.conftest import Sdk, Server, serving, until

MODES = ("polling", "streaming")


def test_sdk__on_both_databases__sees_a_flip_both_ways(database_url: str, sdk: Callable[..., Sdk]) -> None:
    with serving(database_url) as server:
        server.flag("bill")
        clients = {mode: sdk(server, "bill", mode) for mode in MODES}
        for client in clients.values():
            client.saw(True)
        closed = server.switch("bill", False)
        assert clients["streaming"].saw(False) - closed < 2
        assert clients["polling"].saw(False) - closed < 5


POISON = {
    "a number for a text": '[{"name": "flexibleRollout", "parameters": {"rollout": 50}}]',
    "no operator": '[{"name": "default", "constraints": [{"contextName": "userId"}]}]',
    "not JSON at all": "[{",
    "half a character": '[{"name": "default", "parameters": {"x": "\\ud800"}}]',
    "would let everybody in": '[{"name": "default", "constraints": [{"contextName": "userId", "operator": "NOT_IN"}]}]',
    "a group of the wrong type": '[{"name": "default", "variants": [{"name": "v", "weight": "x"}]}]',
}


def test_close__beside_poisoned_rows__still_arrives(tmp_path: Path, sdk: Callable[..., Sdk]) -> None:
    with serving(f"sqlite:///{tmp_path / 'poisoned.db'}") as server:
        server.flag("bill")
        for n in range(len(POISON)):
            server.flag(f"poisoned-{n}")
        clients = [sdk(server, "bill", mode) for mode in MODES]
        for client in clients:
            client.saw(True)
        with server.database.write() as tx:
            for n, strategies in enumerate(POISON.values()):
                tx.execute(text("UPDATE feature_environment SET strategies = :bad WHERE feature = :name"),
                           {"bad": strategies, "name": f"poisoned-{n}"})
            tx.execute(text("UPDATE feature SET dependencies = :bad WHERE name = 'poisoned-0'"),
                       {"bad": json.dumps([{"feature": "bill"}])})
            tx.execute(text("INSERT INTO segment (name, description, constraints) VALUES ('bad', '', '[{]')"))
        server.switch("bill", False)
        for client in clients:
            client.saw(False, 5)
        assert server.on_for("1") == set()


def test_arrivals__real_clients__delivered_and_obeyed_apart(server: Server, sdk: Callable[..., Sdk]) -> None:
    server.flag("apart")
    clients = [sdk(server, "apart", mode) for mode in MODES]
    for client in clients:
        client.saw(True)
    server.switch("apart", False)
    for client in clients:
        client.saw(False)
    closed = server.flags.feature("apart")
    assert not closed.at("development").enabled
    with server.database.read() as tx:
        revision = tx.execute(text("SELECT max(id) FROM event WHERE room = 'flags'")).scalar_one()
    arrivals = Arrivals(server.database)

    def arrived() -> dict[str, Arrival]:
        return {a.transport: a for a in arrivals.since("development", revision) if a.app == "billing"}

    until(lambda: all(a.delivered_at and a.obeyed for a in arrived().values()), 15)
    assert set(arrived()) == {"polling", "streaming"}
