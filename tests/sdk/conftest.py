"""A small real HTTP server whose answers a test decides."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@dataclass
class Far:
    """The other end: what it received, and how it answers (a status alone, unless a test says more)."""

    url: str = ""
    status: int = 202
    answer: Answer | None = None
    received: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        is_json = (handler.headers.get("Content-Type") or "").startswith("application/json")
        sent = json.loads(body) if body and is_json else body
        self.received.append((handler.path, {k.lower(): v for k, v in handler.headers.items()}, sent))
        if self.answer:
            self.answer(handler, body)
            return
        handler.send_response(self.status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@pytest.fixture
def far() -> Iterator[Far]:
    end = Far()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            end.handle(self)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        end.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield end
        server.shutdown()
