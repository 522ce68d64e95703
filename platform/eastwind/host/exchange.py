"""One HTTP exchange with a process on this machine, within one deadline that nothing can stretch.

A library's time-out counts from one byte to the next, so an answer that drips keeps its caller for ever. Here the
socket itself knows the deadline: whatever is read or sent, head or body, ends by then.
"""

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message as Headers
from typing import Any

_IDLE_SECONDS = 20.0  # less than an experiment's own 30 s, so that we close first


class TooLong(Exception):
    """The body is longer than the caller allows, or shorter than its head promised."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whole and within the limits."""

    status: int
    headers: Headers
    body: bytes


class _DeadlineSocket(socket.socket):
    deadline: float = 0.0

    def _arm(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline passed")
        self.settimeout(left)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._arm()
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._arm()
        super().sendall(*args, **kwargs)

    def is_quiet(self) -> bool:
        """Whether the other end neither closed nor sent anything unasked."""
        self.settimeout(0)
        try:
            self.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


class _Connection(http.client.HTTPConnection):
    sock: _DeadlineSocket

    def __init__(self, host: str, port: int, deadline: float) -> None:
        super().__init__(host, port)
        self.used = 0.0
        self.sock = _DeadlineSocket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            self.extend(deadline)
            self.sock._arm()
            self.sock.connect((host, port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self.sock.close()
            raise

    def extend(self, deadline: float) -> None:
        self.sock.deadline = deadline

    def connect(self) -> None:
        """A closed connection is never reopened behind our back: that socket would have no deadline."""
        raise http.client.NotConnected


class Pool:
    """Kept-alive connections to one port. Threads may share it; at most `size` stay open between calls."""

    def __init__(self, port: int, size: int = 16, host: str = "127.0.0.1") -> None:
        self.port = port
        self._host = host
        self._size = size
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()

    def exchange(self, method: str, path: str, headers: Mapping[str, str], *, deadline: float, cap: int,
                 body: bytes | None = None) -> Reply:
        """Ask, and read the whole answer of at most `cap` bytes before `deadline` (monotonic seconds).

        Raises `TimeoutError`, other `OSError`s when nobody answers, `http.client.HTTPException` when what comes back
        is not HTTP, and `TooLong`. Never asks twice: the caller alone knows whether that would be safe.
        """
        connection = self._take(deadline)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            reply, reusable = _read(connection.getresponse(), cap)
        except BaseException:
            connection.close()
            raise
        self._give(connection, reusable)
        return reply

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self, deadline: float) -> _Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return _Connection(self._host, self.port, deadline)
            if time.monotonic() - connection.used < _IDLE_SECONDS and connection.sock.is_quiet():
                connection.extend(deadline)
                return connection
            connection.close()

    def _give(self, connection: _Connection, reusable: bool) -> None:
        connection.used = time.monotonic()
        with self._lock:
            if reusable and len(self._idle) < self._size:
                self._idle.append(connection)
                return
        connection.close()


def _read(response: http.client.HTTPResponse, cap: int) -> tuple[Reply, bool]:
    body = response.read(cap + 1)
    if len(body) > cap:
        raise TooLong(f"more than {cap} bytes")
    if response.length:
        raise TooLong(f"{response.length} bytes are missing")
    return Reply(response.status, response.headers, body), response.isclosed() and not response.will_close


def ask(host: str, port: int, path: str, headers: Mapping[str, str], *, seconds: float) -> Reply:
    """A single GET on a connection of its own; for health checks. Raises like `Pool.exchange`."""
    pool = Pool(port, size=0, host=host)
    return pool.exchange("GET", path, headers, deadline=time.monotonic() + seconds, cap=64 * 1024)
