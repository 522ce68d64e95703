"""A back end with a known speed, and a locustfile that visits it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from eastwind.readiness import Target

KEY = "k3y"
_VISITS = """
import os, time
from locust import FastHttpUser, constant_throughput, task

class Someone(FastHttpUser):
    wait_time = constant_throughput(1)
    connection_timeout = network_timeout = 1.0

    @task
    def visit(self):
        {action}
"""
_GET = 'self.client.get("{path}", headers={{"X-Eastwind-Key": os.environ["EASTWIND_EXPERIMENT_KEY"]}})'


def visiting(path: str) -> str:
    """A locustfile whose users ask for `path` once a second."""
    return doing(_GET.format(path=path))


def doing(action: str) -> str:
    """A locustfile whose users do `action` once a second."""
    return _VISITS.format(action=action)


class Backend(BaseHTTPRequestHandler):
    """/ answers at once, /slow after 0.5 s, /broken mostly with 500; all want the key."""

    protocol_version = "HTTP/1.1"
    served = 0

    def do_GET(self) -> None:
        if self.headers.get("X-Eastwind-Key") != KEY:
            return self._answer(403)
        Backend.served += 1
        if self.path == "/slow":
            time.sleep(0.5)
        return self._answer(500 if self.path == "/broken" and Backend.served % 4 else 200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # users come in bursts
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A load test that is killed leaves connections behind."""


@contextmanager
def serving() -> Iterator[Target]:
    """The back end, as build b1."""
    with _Server(("127.0.0.1", 0), Backend) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Target(f"http://127.0.0.1:{server.server_port}", KEY, "b1")
        server.shutdown()
