"""The official UnleashClient, started again while the server is away: it lives on its file cache, then catches up."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from UnleashClient import UnleashClient

from tests.protocol.conftest import BACKEND, TESTER, Sdk, Server, serving, until
from tests.protocol.restarts import away, ending

MODES = ("polling", "streaming")
FOR_ONE = {"userId": "1"}
HERE = Path(__file__).parent


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    with serving(f"sqlite:///{tmp_path / 'wire.db'}") as first, ending(first) as server:
        yield server


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Server, str], Sdk]]:
    """Starts UnleashClient in a process; each mode has one cache folder, which outlives the process."""
    running: list[Sdk] = []

    def start(server: Server, mode: str) -> Sdk:
        cache = tmp_path / f"cache-{mode}"
        cache.mkdir(exist_ok=True)
        process = subprocess.Popen([sys.executable, HERE / "sdk_process.py", server.url, BACKEND, "bill", mode, cache],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        running.append(Sdk(process))
        threading.Thread(target=_listen, args=(running[-1],), daemon=True).start()
        return running[-1]

    yield start
    for each in running:
        _kill(each)


def _listen(sdk: Sdk) -> None:
    assert sdk.process.stdout
    for line in sdk.process.stdout:
        sdk.said.append(json.loads(line))


def _kill(sdk: Sdk) -> None:
    sdk.process.kill()
    sdk.process.wait(timeout=5)


def states(sdk: Sdk) -> list[bool]:
    return [line["enabled"] for line in sdk.said]


def test_restart__server_away__last_state_counts_and_a_close_meanwhile_arrives(
        own_server: Server, start: Callable[[Server, str], Sdk]) -> None:
    own_server.flag("bill")
    first = {mode: start(own_server, mode) for mode in MODES}
    for sdk in first.values():
        sdk.saw(True)
    _kill(first["polling"])
    with away(own_server):
        own_server.flags.switch("bill", "development", False, TESTER)
        again = start(own_server, "polling")
        again.saw(True)  # nobody could tell it of the close: the last state is all that it knows
        assert states(first["streaming"]) == [True]  # and so does the one that only lost its stream
    for sdk in (again, first["streaming"]):
        sdk.saw(False, 40)  # 30 s is the longest that an SDK waits before it tries again
        assert states(sdk) == [True, False]
    assert own_server.process.poll() is None


def test_restart__stream_client_with_the_server_away__is_off_until_it_is_back(
        own_server: Server, tmp_path: Path) -> None:
    """UnleashClient reads its cache only when a poll has failed; `eastwind_sdk.Flags` reads it in both modes."""
    own_server.flag("bill")

    def client(mode: str) -> UnleashClient:
        made = UnleashClient(
            f"{own_server.url}/api", "billing", custom_headers={"Authorization": BACKEND}, disable_metrics=True,
            refresh_interval=1, cache_directory=str(tmp_path / "cache"), experimental_mode={"type": mode})
        made.initialize_client()
        return made

    before = client("polling")
    until(lambda: before.is_enabled("bill", FOR_ONE), 20)
    before.destroy()
    with away(own_server):
        again = client("streaming")
        assert not again.is_enabled("bill", FOR_ONE)
    until(lambda: again.is_enabled("bill", FOR_ONE), 40)
    again.destroy()
