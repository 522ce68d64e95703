"""From a flip to those who listen: many raw streams, and one official SDK in a process of its own."""

import contextlib
import json
import selectors
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from benchmarks.servers import ADMIN, CLIENT, ROOT, Server

_FLAG = "flipped"
_FEATURES = "/api/admin/projects/default/features"
_PATIENCE = 5.0


def flips(server: Server, streams: int, times: int = 20) -> dict[str, float]:
    """Flip a flag `times` times with that many streams open; milliseconds from sending the flip until each knew.

    `lost` counts streams that were cut off or missed a flip.
    """
    _admin(server, "", {"name": _FLAG, "type": "kill-switch"})
    waits: list[float] = []
    with _Listeners(server, streams) as listeners, _watched(server) as seen:
        for number in range(times + 1):
            sent = time.time()
            flip = threading.Thread(target=_admin, args=(server, f"/{_FLAG}/environments/development/"
                                                                 f"{'off' if number % 2 else 'on'}", None))
            flip.start()
            arrived = listeners.hear(sent)
            flip.join()
            waits += arrived if number else []  # the first one makes the bytes that others share
            seen.append((sent, number % 2 == 0))
            time.sleep(0.2)
        lost = listeners.lost
    told = [at - sent for (sent, on) in seen[1:] for at in _first(seen.heard, sent, on)]
    return _figures("stream", waits) | _figures("sdk", told) | {"streams": streams, "flips": times, "lost": lost}


def _figures(name: str, seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {f"{name} seen": len(seconds)}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"{name} p50 ms": round(cuts[49] * 1000, 1), f"{name} p99 ms": round(cuts[98] * 1000, 1),
            f"{name} most ms": round(max(seconds) * 1000, 1)}


def _admin(server: Server, path: str, body: object) -> None:
    answer = requests.post(server.url + _FEATURES + path, json=body, timeout=20, headers={
        "Authorization": ADMIN, "Content-Type": "application/json"})
    assert answer.status_code < 300, answer.text


class _Listeners:
    """Open streams on plain sockets, read by one thread."""

    def __init__(self, server: Server, count: int) -> None:
        self._address = urlsplit(server.url)
        self._count, self.lost = count, 0
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> "_Listeners":
        for _ in range(self._count):
            stream = socket.create_connection((self._address.hostname, self._address.port), timeout=20)
            stream.sendall(f"GET /api/client/streaming HTTP/1.1\r\nHost: bench\r\nAuthorization: {CLIENT}\r\n\r\n"
                           .encode())
            stream.setblocking(False)
            self._selector.register(stream, selectors.EVENT_READ)
        assert len(self._wait(b"unleash-connected", time.time(), 30)) == self._count, "not all streams opened"
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def hear(self, sent: float) -> list[float]:
        """Seconds until each stream was told."""
        found = self._wait(b"unleash-updated", sent, _PATIENCE)
        self.lost += self._count - len(found)
        return found

    def _wait(self, word: bytes, since: float, seconds: float) -> list[float]:
        told: dict[int, float] = {}
        while len(told) < self._count and time.time() < since + seconds:
            for key, _ in self._selector.select(0.1):
                with contextlib.suppress(BlockingIOError):
                    if word in key.fileobj.recv(1 << 20):  # type: ignore[union-attr]
                        told.setdefault(key.fd, time.time() - since)
        return list(told.values())


class _Seen(list[tuple[float, bool]]):
    """What was flipped, and what the SDK said of it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[float, bool]] = []


@contextlib.contextmanager
def _watched(server: Server) -> Iterator[_Seen]:
    """An official SDK that streams, in a process of its own."""
    command = [sys.executable, "-m", "eastwind_sdk.watch", "--url", server.url, "--token", CLIENT, "--flag", _FLAG,
               "--mode", "streaming"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    seen = _Seen()

    def listen() -> None:
        assert process.stdout
        for line in process.stdout:
            found = json.loads(line)
            seen.heard.append((float(found["at"]), bool(found["enabled"])))

    threading.Thread(target=listen, daemon=True).start()
    try:
        end = time.time() + 20
        while not seen.heard and time.time() < end:
            time.sleep(0.05)
        yield seen
    finally:
        process.terminate()
        process.wait(timeout=10)


def _first(heard: list[tuple[float, bool]], sent: float, on: bool) -> list[float]:
    return [at for at, state in heard if at >= sent and state is on][:1]
