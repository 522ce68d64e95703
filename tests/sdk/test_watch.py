"""The watcher runs the official client against a server that speaks just enough of the wire."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "platform"


class Flags:
    """One flag, with the revision as ETag, by polling and as a stream."""

    def __init__(self) -> None:
        self.enabled, self.revision, self.ended = False, 1, threading.Event()

    def flip(self) -> None:
        self.enabled, self.revision = not self.enabled, self.revision + 1

    def feature(self) -> dict[str, Any]:
        strategies = [{"name": "default", "parameters": {}, "constraints": []}]
        return {
            "name": "a",
            "type": "release",
            "enabled": self.enabled,
            "project": "default",
            "strategies": strategies,
            "variants": [],
        }

    def __call__(self, handler: BaseHTTPRequestHandler, _: bytes) -> None:
        if handler.path.startswith("/api/client/features"):
            self._poll(handler)
        elif handler.path.startswith("/api/client/streaming"):
            self._stream(handler)
        else:
            handler.send_response(202)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

    def _poll(self, handler: BaseHTTPRequestHandler) -> None:
        etag = f'"{self.revision}"'
        same = handler.headers.get("If-None-Match") == etag
        body = b"" if same else json.dumps({"version": 2, "features": [self.feature()]}).encode()
        handler.send_response(304 if same else 200)
        handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _stream(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        seen = 0
        while not self.ended.wait(0.01):
            if seen != self.revision:
                name, change = ("updated", self.updated()) if seen else ("connected", self.hydration())
                seen = self.revision
                data = json.dumps({"events": [{"eventId": seen, **change}]})
                event = f"event: unleash-{name}\nid: {seen}\ndata: {data}\n\n".encode()
                handler.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")

    def hydration(self) -> dict[str, Any]:
        return {"type": "hydration", "features": [self.feature()], "segments": []}

    def updated(self) -> dict[str, Any]:
        return {"type": "feature-updated", "feature": self.feature()}


@contextmanager
def watching(url: str, mode: str) -> Iterator[subprocess.Popen[str]]:
    command = [
        sys.executable,
        "-m",
        "eastwind_sdk.watch",
        "--url",
        url,
        "--token",
        "t",
        "--flag",
        "a",
        "--mode",
        mode,
        "--context",
        "userId=1",
    ]
    with subprocess.Popen(command, env={"PYTHONPATH": str(SOURCE)}, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(10) == 0


@pytest.mark.parametrize(("mode", "within"), [("polling", 2.0), ("streaming", 0.5)])
def test_watch__flips__one_line_each(far: Any, mode: str, within: float) -> None:
    far.answer = flags = Flags()
    with watching(far.url, mode) as process:
        assert process.stdout
        first = json.loads(process.stdout.readline())
        assert (first["flag"], first["enabled"]) == ("a", False)
        for expected in (True, False):
            flipped = time.time()
            flags.flip()
            line = json.loads(process.stdout.readline())
            assert line["enabled"] is expected
            assert 0 <= line["at"] - flipped < within
        flags.ended.set()
    assert all(heads["authorization"] == "t" for _, heads, _ in far.received)
