"""Real listeners and real experiment folders for the tests of the host."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from eastwind.clock import now
from eastwind.db import Database
from eastwind.host import store
from eastwind.host.front import Front
from eastwind.host.model import Answer, Fault, Process
from eastwind.settings import Settings, load

ROOT = Path(__file__).resolve().parents[3]
Talk = Callable[[socket.socket], None]


def ask(front: Front, slug: str = "lookup", path: str = "/", method: str = "GET",
        form: dict[str, str] | None = None) -> Answer | Fault:
    return front.call(slug, method, path, customer="0123456789", arm="treatment", channel="web", language="en",
                      form=form)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with folders of their own."""
    experiments = tmp_path / "experiments"
    experiments.mkdir()
    return replace(load({}, home=ROOT), data_dir=tmp_path / "var", experiments_dir=experiments)


@pytest.fixture
def listen() -> Iterator[Callable[[Talk], int]]:
    """`listen(talk)` gives the port of a listener that calls `talk` with each connection, in a thread of its own."""
    listeners: list[socket.socket] = []

    def start(talk: Talk) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def converse(connection: socket.socket) -> None:
            with connection:
                try:
                    talk(connection)
                except OSError:
                    return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


def shipped(db: Database, port: int, slug: str = "lookup", **changes: object) -> None:
    """Say in the database that experiment `slug` is up at `port`."""
    process = Process(f"experiment-{slug}", "experiment", slug, "up", now(), port=port, key="key")
    with db.write() as tx:
        store.save(tx, replace(process, **changes))  # type: ignore[arg-type]


GOOD_APP = """
import os
import eastwind_sdk
app = eastwind_sdk.experiment(__name__)

@app.route("/", methods=["GET", "POST"])
def page():
    eastwind_sdk.outcome("found_answer", 1)
    return f"<p>hello {eastwind_sdk.customer().account} from {os.getpid()}</p>"
"""


def a_shipped_folder(experiments: Path, slug: str, app: str = GOOD_APP, sunset: str = "2027-05-31") -> Path:
    """A folder as the innovation team ships it."""
    folder = experiments / slug
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(app)
    (folder / "locustfile.py").write_text("")
    (folder / "experiment.toml").write_text(f"""
slug = "{slug}"
name = {{en = "{slug}"}}
service = "outages"
owner = "Lin"
hypothesis = "Fewer calls."
sunset = {sunset}
[load]
requests_per_customer_per_second = 0.02
p95_ms = 400
max_error_ratio = 0.01
[[metrics]]
name = "hotline_call"
role = "primary"
kind = "proportion"
better = "lower"
""")
    return folder
