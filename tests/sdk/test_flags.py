"""`eastwind_sdk.Flags` against real servers: before and after a fork, with the server and without it."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
import sentry_sdk
from sqlalchemy import text
from werkzeug.serving import make_server

from eastwind.app import create_app
from eastwind.arrivals import Arrivals
from eastwind.db import Database
from eastwind_sdk import Flags, Malformed
from eastwind_sdk.testing import free_port
from tests.protocol.conftest import BACKEND, ROOT, Server, serving, until
from tests.rooms.api.conftest import TEAM, a_desk, closing

HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
FOR_ONE = {"userId": "1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(f"sqlite:///{tmp_path_factory.mktemp('flags') / 'wire.db'}") as found:
        yield found


def document(*on: str) -> bytes:
    """Client features with these flags on for everybody, and `off` off."""
    features = [{"name": name, "type": "release", "project": "default", "enabled": name != "off",
                 "strategies": [{"name": "default", "parameters": {}}],
                 "variants": [{"name": "blue", "weight": 1000, "payload": {"type": "string", "value": "蓝"}}]}
                for name in (*on, "off")]
    return json.dumps({"version": 2, "features": features}).encode()


def serve_flags(far: Any, *on: str, status: int = 202) -> None:
    """Makes `far` an Unleash server whose other routes answer `status`."""

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        polled = handler.path.startswith("/api/client/features")
        body = document(*on) if polled else b""
        handler.send_response(200 if polled else 202 if handler.path.startswith("/api/client") else status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    far.answer = answer


def posted(far: Any, path: str) -> list[Any]:
    return [body for there, _, body in far.received if there == path]


def exposures(far: Any) -> list[tuple[str, str]]:
    batches = posted(far, "/api/v1/experiments/outage-lookup/exposures")
    return [(event["unit"], event["arm"]) for batch in batches for event in batch["events"]]


@pytest.mark.parametrize("mode", ["streaming", "polling"])
def test_flags__flip__is_seen_and_at_once_proven_obeyed(server: Server, tmp_path: Path, mode: Any) -> None:
    server.flag(f"flip-{mode}")
    with Flags(server.url, BACKEND, f"app-{mode}", mode=mode, refresh=1, report=60, folder=tmp_path) as flags:
        assert flags.is_enabled(f"flip-{mode}", FOR_ONE)  # the first question waits for the flags
        server.switch(f"flip-{mode}", False)
        until(lambda: not flags.is_enabled(f"flip-{mode}", FOR_ONE), 15)
        with server.database.read() as tx:
            revision = tx.execute(text("SELECT max(id) FROM event WHERE room = 'flags'")).scalar_one()

        def obeyed() -> bool:
            found = Arrivals(server.database).since("development", revision)
            return any(a.app == f"app-{mode}" and a.delivered_at and a.obeyed for a in found)

        until(obeyed, 20)  # metrics go out once a minute here: only the proof of its own can be so early


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("when", ["asks-before", "asks-only-after"])
def test_flags__after_a_fork__every_process_follows_by_itself(server: Server, tmp_path: Path, when: str) -> None:
    server.flag(when)
    command = [sys.executable, HERE / "forking_service.py", server.url, BACKEND, when, "streaming", tmp_path, when]
    said: dict[int, list[bool]] = {}
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, start_new_session=True) as it:
        try:
            threading.Thread(target=_listen, args=(it, said), daemon=True).start()
            until(lambda: len(said) == 4 and all(s == [True] for s in said.values()), 20)
            server.switch(when, False)
            until(lambda: all(s == [True, False] for s in said.values()), 15)
        finally:
            os.killpg(it.pid, signal.SIGKILL)

    def names() -> set[str]:
        return {i.who.instance for i in Arrivals(server.database).instances("development")}

    until(lambda: names() >= {f"host-{pid}" for pid in said}, 15)


def _listen(process: "subprocess.Popen[str]", said: dict[int, list[bool]]) -> None:
    assert process.stdout
    for line in process.stdout:
        told = json.loads(line)
        said.setdefault(told["pid"], []).append(told["enabled"])


GRANIAN = ("granian", "--interface", "wsgi", "--workers", "2", "--workers-kill-timeout", "2", "--no-access-log",
           "--host", "127.0.0.1", "--port", "{port}")
GUNICORN = ("gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:{port}", "--log-level", "error")


@pytest.mark.parametrize("command", [GRANIAN, GUNICORN], ids=["granian", "gunicorn"])
def test_flags__under_a_server_with_two_workers__both_follow(
        server: Server, tmp_path: Path, command: tuple[str, ...]) -> None:
    name, port = f"under-{command[0]}", free_port()
    server.flag(name)
    environment = ENVIRONMENT | {"FLAGS_URL": server.url, "FLAGS_TOKEN": BACKEND, "FLAGS_FOLDER": str(tmp_path)}
    whole = [sys.executable, "-m", *(part.format(port=port) for part in command), "tests.sdk.workers_service:app"]
    with subprocess.Popen(whole, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as service:
        try:
            answers: dict[int, bool] = {}

            def both(enabled: bool) -> bool:
                with contextlib.suppress(requests.ConnectionError):
                    told = requests.get(f"http://127.0.0.1:{port}/{name}", timeout=5).json()
                    answers[told["pid"]] = told["enabled"]
                return len(answers) == 2 and set(answers.values()) == {enabled}

            until(lambda: both(True), 20)
            server.switch(name, False)
            until(lambda: both(False), 15)
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(timeout=15)


def test_flags__child_that_ends__has_sent_its_exposures(far: Any, tmp_path: Path) -> None:
    serve_flags(far, "bill")
    command = [sys.executable, HERE / "short_lived.py", far.url, tmp_path]
    subprocess.run(command, env=ENVIRONMENT, check=True, timeout=60)
    assert sorted(exposures(far)) == [(unit, "treatment") for unit in ("child0", "child1", "parent")]


def test_flags__restarted_without_a_server__answers_by_the_last_state(far: Any, tmp_path: Path) -> None:
    serve_flags(far, "bill")
    with Flags(far.url, "token", "billing", mode="polling", folder=tmp_path) as flags:
        assert flags.is_enabled("bill")
        (file,) = tmp_path.iterdir()
        assert file.stat().st_mode & 0o077 == 0
    nowhere = f"http://127.0.0.1:{free_port()}"
    kept = tmp_path / file.name
    for mode in ("streaming", "polling"):
        with Flags(nowhere, "token", "billing", mode=mode, folder=tmp_path, patience=0.2) as flags:  # type: ignore[arg-type]
            assert not flags.is_enabled("bill")  # another server's flags are not this one's
            assert flags.is_enabled("bill", default=True)
    far.answer, far.status = None, 503
    started = time.monotonic()
    with Flags(far.url, "token", "billing", mode="streaming", folder=tmp_path, patience=30) as flags:
        assert flags.is_enabled("bill") and not flags.is_enabled("off", default=True)
        assert time.monotonic() - started < 10
    assert kept.exists()
    kept.write_text("{half")
    with Flags(far.url, "token", "billing", mode="streaming", folder=tmp_path, patience=0.2) as flags:
        assert not flags.is_enabled("bill")


def test_flags__nowhere_to_keep_them__still_answer(far: Any, tmp_path: Path) -> None:
    serve_flags(far, "bill")
    (tmp_path / "file").write_text("in the way")
    with Flags(far.url, "token", "billing", mode="polling", folder=tmp_path / "file") as flags:
        assert flags.is_enabled("bill")


def test_flags__server_that_hangs__first_question_is_bounded(far: Any, tmp_path: Path) -> None:
    held = threading.Event()
    far.answer = lambda handler, body: held.wait(10)
    started = time.monotonic()
    flags = Flags(far.url, "token", "billing", folder=tmp_path, patience=0.3)
    assert flags.is_enabled("bill", default=True)
    assert not flags.ready(0.1)
    flags.close(timeout=0.3)
    assert time.monotonic() - started < 5
    held.set()


def test_flags__variant__is_unleashs_own(far: Any, tmp_path: Path) -> None:
    serve_flags(far, "bill")
    with Flags(far.url, "token", "billing", mode="polling", folder=tmp_path) as flags:
        assert flags.variant("bill", FOR_ONE) == {
            "name": "blue", "enabled": True, "feature_enabled": True, "payload": {"type": "string", "value": "蓝"}}
        assert flags.variant("off", FOR_ONE, experiment="outage-lookup")["name"] == "disabled"
    assert exposures(far) == [("1", "control")]


def test_exposures__repeated__go_out_once_for_each_state_of_the_flags(far: Any, tmp_path: Path) -> None:
    serve_flags(far, "bill")
    with Flags(far.url, "token", "billing", mode="polling", refresh=1, folder=tmp_path) as flags:

        def ask() -> None:
            for flag in ("bill", "off"):
                flags.is_enabled(flag, FOR_ONE, experiment="outage-lookup", unit=f"{flag}-unit")

        for _ in range(100):
            ask()
        assert flags.flush()
        assert exposures(far) == [("bill-unit", "treatment"), ("off-unit", "control")]
        polls = len([path for path, _, _ in far.received if path == "/api/client/features"])
        until(lambda: len([p for p, _, _ in far.received if p == "/api/client/features"]) > polls + 1, 15)
        ask()
    assert exposures(far) == 2 * [("bill-unit", "treatment"), ("off-unit", "control")]


def test_exposures__full_buffer__is_counted_logged_and_sent_as_a_metric(
        far: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    serve_flags(far, "bill", status=503)
    flags = Flags(far.url, "token", "billing", mode="polling", folder=tmp_path, capacity=3)
    with caplog.at_level(logging.WARNING, "eastwind_sdk"):
        for number in range(10):
            assert flags.is_enabled("bill", {"userId": f"u{number}"}, experiment="outage-lookup")
        assert flags.is_enabled("bill", {"userId": "not a unit"}, experiment="outage-lookup")
        assert flags.is_enabled("bill", experiment="outage-lookup")  # of whom?
        assert flags.dropped == 9
        flags.close(timeout=2)
    assert flags.dropped == 12  # the three that waited never arrived
    assert "an exposure could not be reported; further ones are only counted" in caplog.text
    assert "12 exposures were lost" in caplog.text
    sent = [m for body in posted(far, "/api/client/metrics") for m in body.get("impactMetrics", ())]
    assert sum(s["value"] for m in sent if m["name"] == "eastwind_exposures_dropped" for s in m["samples"]) == 9


def test_exposures__real_experiment__count_where_they_should(sqlite_db: Database, tmp_path: Path) -> None:
    with closing(a_desk(sqlite_db, tmp_path)) as desk:
        run = desk.house.experiments.open("outage-lookup", "development", Decimal(40), TEAM)
        web = make_server("127.0.0.1", 0, create_app(desk.house), threaded=True)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        place, token = f"http://127.0.0.1:{web.port}", desk.tokens["backend"]
        with Flags(place, token, "bills", mode="polling", folder=tmp_path) as it:
            units = [f"{n:010d}" for n in range(100)]
            on = {u for u in units if it.is_enabled("outage-lookup", {"userId": u}, experiment="outage-lookup")}
        assert it.dropped == 0
        counts = desk.house.analysis.counts("outage-lookup", "development", run.id)
        assert counts.units == {"treatment": len(on), "control": 100 - len(on)} and 20 < len(on) < 60
        web.shutdown()


def test_sentry__initialised__knows_what_was_asked(far: Any, tmp_path: Path) -> None:
    serve_flags(far, "bill")
    with Flags(far.url, "token", "billing", mode="polling", folder=tmp_path) as flags:
        events: list[Any] = []
        sentry_sdk.init(before_send=lambda event, hint: events.append(event), default_integrations=False)
        try:
            flags.is_enabled("bill")
            flags.is_enabled("off")
            flags.variant("bill")
            sentry_sdk.capture_exception(ValueError("here"))
        finally:
            sentry_sdk.get_client().close()
            sentry_sdk.init()
            sentry_sdk.get_client().close()
    told = {f["flag"]: f["result"] for f in events[0]["contexts"]["flags"]["values"]}
    assert told == {"bill": True, "off": False} and events[0]["tags"] == {"flag.bill": "blue"}


def test_flags__not_an_address__is_told_at_once() -> None:
    with pytest.raises(Malformed):
        Flags("eastwind.example", "token", "billing")
