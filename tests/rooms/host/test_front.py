"""Whatever listens at an experiment's address, the caller gets an answer or a fault, within the budget."""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from eastwind.db import Database
from eastwind.host.front import MAX_ANSWER_BYTES, Front
from eastwind.host.model import Answer, Fault
from eastwind.settings import Settings

from .conftest import Talk, ask, shipped

BUDGET_MS = 300
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
Listen = Callable[[Talk], int]


@pytest.fixture
def front(sqlite_db: Database, settings: Settings) -> Front:
    return Front(sqlite_db, replace(settings, experiment_timeout_ms=BUDGET_MS, experiment_concurrency=4))


def heard(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        got = connection.recv(65536)
        if not got:
            raise ConnectionError
        request += got
    return request


def says(answer: bytes, then: float = 0.0) -> Talk:
    def talk(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(answer)
        time.sleep(then)

    return talk


def whole(body: bytes, head: bytes = HEAD) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def drips(before: bytes, drop: bytes, pause: float = 0.02) -> Talk:
    def talk(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(before)
        for _ in range(500):
            connection.sendall(drop)
            time.sleep(pause)

    return talk


def floods(before: bytes, piece: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(before)
        while True:
            connection.sendall(piece)

    return talk


def stays_silent(connection: socket.socket) -> None:
    heard(connection)
    time.sleep(5)


HOSTILE: dict[str, tuple[Talk, str]] = {
    "silent": (stays_silent, "timeout"),
    "drips its head": (drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"), "timeout"),
    "drips header lines": (drips(b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n", 0.05), "timeout"),
    "drips its body": (drips(HEAD + b"Content-Length: 500\r\n\r\n", b"a"), "timeout"),
    "drips chunks": (drips(CHUNKED, b"1\r\na\r\n"), "timeout"),
    "says 100 for ever": (drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001), "timeout"),
    "floods with a length": (floods(HEAD + b"Content-Length: 52428800\r\n\r\n", b"x" * 65536), "rubbish"),
    "floods without one": (floods(HEAD + b"\r\n", b"x" * 65536), "rubbish"),
    "floods chunks": (floods(CHUNKED, b"8000\r\n" + b"x" * 0x8000 + b"\r\n"), "rubbish"),
    "floods headers": (floods(b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n" * 1000), "rubbish"),
    "one endless header": (floods(b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 65536), "rubbish"),
    "hangs up": (lambda connection: None, "error"),
    "hangs up midway": (says(HEAD + b"Content-Length: 10\r\n\r\nhalf"), "rubbish"),
    "hangs up in a chunk": (says(CHUNKED + b"ff\r\nhalf"), "rubbish"),
    "a chunk of no size": (says(CHUNKED + b"zz\r\n"), "rubbish"),
    "not HTTP": (says(b"\x00\xff\xfe hello\r\n\r\n"), "rubbish"),
    "500": (says(whole(b"oh", HEAD.replace(b"200 OK", b"500 No"))), "error"),
    "redirect": (says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"), "error"),
    "204": (says(b"HTTP/1.1 204 No Content\r\n\r\n"), "error"),
    "json": (says(whole(b"{}", HEAD.replace(b"text/html", b"application/json"))), "rubbish"),
    "no type": (says(whole(b"<p>", b"HTTP/1.1 200 OK\r\n")), "rubbish"),
    "gzip": (says(whole(b"<p>", HEAD + b"Content-Encoding: gzip\r\n")), "rubbish"),
    "other charset": (says(whole(b"<p>", HEAD.replace(b"utf-8", b"gbk"))), "rubbish"),
    "not UTF-8": (says(whole(b"\xff\xfe")), "rubbish"),
    "rubbish length": (says(HEAD + b"Content-Length: -5\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 5)), "rubbish"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_front__hostile_experiment__is_a_fault_in_time(front: Front, sqlite_db: Database, listen: Listen,
                                                       name: str) -> None:
    talk, kind = HOSTILE[name]
    shipped(sqlite_db, listen(talk))
    began = time.monotonic()
    fault = ask(front)
    assert isinstance(fault, Fault), fault
    assert fault.kind == kind, fault
    assert time.monotonic() - began < BUDGET_MS / 1000 + 0.15
    assert fault.elapsed_ms < BUDGET_MS + 150


def test_front__good_answer__carries_html_and_outcomes(front: Front, sqlite_db: Database, listen: Listen) -> None:
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        asked.append(heard(connection))
        outcomes = b'X-Eastwind-Outcomes: {"found_answer": 1, "BAD": 2}\r\n'
        connection.sendall(whole("<p>停电</p>".encode(), HEAD + outcomes))

    shipped(sqlite_db, listen(talk))
    answer = ask(front, path="/bill?month=3", method="POST", form={"note": "停 & go"})
    assert isinstance(answer, Answer), answer
    assert answer.html == "<p>停电</p>" and answer.outcomes == {"found_answer": 1.0}
    assert "BAD" in answer.note and answer.elapsed_ms < BUDGET_MS
    head = asked[0].decode()
    assert head.startswith("POST /bill?month=3 HTTP/1.1\r\n")
    for line in ("X-Eastwind-Key: key", "X-Eastwind-Customer: 0123456789", "X-Eastwind-Arm: treatment"):
        assert line in head


def test_front__kept_alive__one_connection_serves_many(front: Front, sqlite_db: Database, listen: Listen) -> None:
    connections: list[int] = []

    def talk(connection: socket.socket) -> None:
        connections.append(1)
        while True:
            heard(connection)
            connection.sendall(whole(b"<p>"))

    shipped(sqlite_db, listen(talk))
    assert all(isinstance(ask(front), Answer) for _ in range(20))
    assert len(connections) == 1


def test_front__server_closed_the_idle_connection__next_call_is_served(front: Front, sqlite_db: Database,
                                                                       listen: Listen) -> None:
    shipped(sqlite_db, listen(says(whole(b"<p>"))))  # keeps HTTP/1.1's promise to keep alive no longer than one answer
    for _ in range(5):
        assert isinstance(ask(front), Answer)
        time.sleep(0.02)


def test_front__five_faults__opens_and_costs_nothing(front: Front, sqlite_db: Database, listen: Listen) -> None:
    calls: list[int] = []

    def talk(connection: socket.socket) -> None:
        calls.append(1)

    shipped(sqlite_db, listen(talk))
    faults = [ask(front) for _ in range(8)]
    assert [f.kind for f in faults if isinstance(f, Fault)] == ["error"] * 5 + ["open"] * 3
    assert len(calls) == 5
    assert front.state("lookup").breaker == "open"


def test_front__too_many_at_once__are_busy_at_once(front: Front, sqlite_db: Database, listen: Listen) -> None:
    shipped(sqlite_db, listen(stays_silent))
    answers: list[Answer | Fault] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(front))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kinds = sorted(a.kind for a in answers if isinstance(a, Fault))
    assert kinds == ["busy"] * 6 + ["timeout"] * 4
    assert front.state("lookup").in_flight == 0


@pytest.mark.parametrize("changes", [{"state": "down"}, {"state": "not-loaded", "port": 0}, {"state": "starting"}])
def test_front__not_up__is_down_and_leaves_the_breaker_alone(front: Front, sqlite_db: Database,
                                                             changes: dict[str, object]) -> None:
    shipped(sqlite_db, **{"port": 1, **changes})  # type: ignore[arg-type]
    assert [ask(front).kind for _ in range(9)] == ["down"] * 9  # type: ignore[union-attr]
    assert front.state("lookup").breaker == "closed"


def test_front__never_shipped__is_down(front: Front) -> None:
    fault = ask(front, "nothing")
    assert isinstance(fault, Fault) and fault.kind == "down"
    assert front.state("nothing").process is None


def test_front__restarted_at_another_port__is_found_at_once(front: Front, sqlite_db: Database, listen: Listen) -> None:
    closed = socket.create_server(("127.0.0.1", 0))
    shipped(sqlite_db, closed.getsockname()[1])
    closed.close()
    assert ask(front).kind == "down"  # type: ignore[union-attr]
    shipped(sqlite_db, listen(says(whole(b"<p>"))))
    assert isinstance(ask(front), Answer)


def test_front__database_away__uses_the_last_address(front: Front, sqlite_db: Database, listen: Listen) -> None:
    shipped(sqlite_db, listen(says(whole(b"<p>"))))
    assert isinstance(ask(front), Answer)
    with sqlite_db.write() as tx:
        tx.exec_driver_sql("ALTER TABLE host_process RENAME TO gone")
    time.sleep(1.1)
    assert isinstance(ask(front), Answer)


def test_front__unsafe_values__are_never_sent(front: Front, sqlite_db: Database, listen: Listen) -> None:
    calls: list[int] = []
    shipped(sqlite_db, listen(lambda connection: calls.append(1)))
    unsafe = (("a\r\nX-Eastwind-Key: x", "/"), ("停", "/"), ("1", "/_eastwind/drill"), ("1", "//h/_eastwind/drill"))
    for customer, path in unsafe:
        fault = front.call("lookup", "GET", path, customer=customer, arm="treatment", channel="web", language="en")
        assert isinstance(fault, Fault) and fault.kind == "error"
    assert isinstance(front.call("lookup", "GET /x\r\n", "/", customer="1", arm="a", channel="w", language="en"), Fault)
    assert calls == []
