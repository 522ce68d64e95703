"""The official JavaScript SDKs, in processes of their own, against a real server."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from eastwind.arrivals import Arrivals
from tests.protocol.conftest import BACKEND, FRONTEND, TESTER, Server, serving, until
from tests.protocol.restarts import away, ending

NODE = Path(__file__).with_name("node")
MODES = ("polling", "streaming")

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules").is_dir(),
    reason="needs Node 20 or later with npm on the PATH, and then `make install-dev`")


@dataclass
class Script:
    """A Node process and what it said."""

    process: "subprocess.Popen[str]"
    said: list[dict[str, Any]] = field(default_factory=list)

    def states(self) -> list[bool]:
        return [line["enabled"] for line in self.said if "enabled" in line]

    def saw(self, enabled: bool, seconds: float = 10) -> float:
        """Wait until the newest state it told is `enabled`; when that was."""
        until(lambda: self.states()[-1:] == [enabled], seconds)
        return float(next(line["at"] for line in reversed(self.said) if "enabled" in line))

    def answers(self, path: str) -> list[tuple[int, bool]]:
        return [(line["status"], line["known"]) for line in self.said if line.get("path") == path]


@pytest.fixture
def run() -> Iterator[Callable[..., Script]]:
    """Starts scripts of the `node` folder, and ends them."""
    running: list[Script] = []

    def start(name: str, *arguments: object) -> Script:
        process = subprocess.Popen(["node", NODE / name, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
        running.append(Script(process))
        threading.Thread(target=_listen, args=(running[-1],), daemon=True).start()
        return running[-1]

    yield start
    for each in running:
        each.process.kill()
        each.process.wait(timeout=5)


def _listen(script: Script) -> None:
    assert script.process.stdout
    for line in script.process.stdout:
        script.said.append(json.loads(line))


def test_node_service__flips_and_a_close_while_away__are_seen(tmp_path: Path, run: Callable[..., Script]) -> None:
    with serving(f"sqlite:///{tmp_path / 'node.db'}") as first, ending(first) as server:
        server.flag("bill")
        for mode in MODES:
            (tmp_path / mode).mkdir()
        services = {m: run("service.mjs", server.url, BACKEND, "bill", m, tmp_path / m) for m in MODES}
        for service in services.values():
            service.saw(True)
        closed = server.switch("bill", False)
        assert services["streaming"].saw(False) - closed < 5
        assert services["polling"].saw(False) - closed < 5
        server.switch("bill", True)
        for service in services.values():
            service.saw(True)
        with away(server):
            server.flags.switch("bill", "development", False, TESTER)
            cold = {m: run("service.mjs", server.url, BACKEND, "bill", m, tmp_path / m) for m in MODES}
            for service in cold.values():
                service.saw(True)  # from its back-up file, with nobody to ask
            assert all(service.states()[-1] for service in services.values())
        for service in (*services.values(), *cold.values()):
            service.saw(False, 40)  # the SDK's longest back-off is 30 s
        assert [s.states() for s in services.values()] == 2 * [[True, False, True, False]]


def test_node_service__close__is_delivered_and_obeyed(
        server: Server, tmp_path: Path, run: Callable[..., Script]) -> None:
    server.flag("node-apart")
    services = [run("service.mjs", server.url, BACKEND, "node-apart", mode, tmp_path) for mode in MODES]
    for service in services:
        service.saw(True)
    server.switch("node-apart", False)
    for service in services:
        service.saw(False)
    with server.database.read() as tx:
        revision = tx.execute(text("SELECT max(id) FROM event WHERE room = 'flags'")).scalar_one()

    def arrived() -> set[str]:
        found = Arrivals(server.database).since("development", revision)
        return {a.transport for a in found if a.app == "node-billing" and a.delivered_at and a.obeyed}

    until(lambda: arrived() == set(MODES), 15)


def test_browser__toggles_etag_flip_and_metrics__work(server: Server, run: Callable[..., Script]) -> None:
    server.flag("for-page", on=False)
    place = "/api/admin/projects/default/features/for-page/environments/development"
    (strategy,) = server.call("GET", f"{place}/strategies").json()
    web = {"contextName": "channel", "operator": "IN", "values": ["网"]}
    more = [{"op": "add", "path": "/constraints/-", "value": web}]
    server.call("PATCH", f"{place}/strategies/{strategy['id']}", more)
    blue = {"name": "blue", "weight": 1000, "payload": {"type": "string", "value": "蓝"}}
    assert server.call("PUT", f"{place}/variants", [blue]).status_code == 200
    server.switch("for-page", True)
    page = run("browser.mjs", server.url, FRONTEND, "for-page", "1")
    page.saw(True)
    assert next(line["variant"] for line in page.said if "enabled" in line) == "蓝"
    until(lambda: page.answers("/api/frontend")[-2:] == [(304, True), (304, True)])
    closed = server.switch("for-page", False)
    assert page.saw(False) - closed < 8
    assert (200, True) in page.answers("/api/frontend")  # it had an ETag, and was told that it holds no more
    until(lambda: page.answers("/api/frontend/client/metrics"))
    assert set(page.answers("/api/frontend/client/metrics")) == {(200, False)}
    assert page.states() == [True, False]
