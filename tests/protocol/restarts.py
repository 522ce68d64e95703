"""Take a test's server away, and bring it back in the same place."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

import psutil

from tests.protocol.conftest import ROOT, Server, _answers, until


@contextlib.contextmanager
def away(server: Server) -> Iterator[None]:
    """Killed where it stands; after the block it is back, at the same address, over the same database."""
    main = psutil.Process(server.process.pid)
    for each in (main, *main.children(recursive=True)):
        each.kill()
    server.process.wait(timeout=10)
    yield
    address = server.database.url.render_as_string(hide_password=False)
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "EASTWIND_DATABASE_URL": address,
                                "EASTWIND_WIRE_TEST": "40"}
    server.process = subprocess.Popen(server.process.args, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    until(lambda: _answers(server.url), 20)


@contextlib.contextmanager
def ending(server: Server) -> Iterator[Server]:
    """Ends a server that may have been brought back: its maker knows only the first one."""
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=10)
