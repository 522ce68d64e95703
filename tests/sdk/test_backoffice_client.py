import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from eastwind_sdk import Backoffice, BackofficeNotFound, BackofficeTimeout, BackofficeUnavailable
from eastwind_sdk.testing import free_port


def reply(body: bytes, status: int = 200) -> Any:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_get__object__is_returned_and_the_connection_kept(far: Any) -> None:
    peers = set()

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        peers.add(handler.client_address)
        reply(b'{"a": 1}')(handler, body)

    far.answer = answer
    office = Backoffice(far.url)
    assert [office.get("/x", day="1") for _ in range(5)] == [{"a": 1}] * 5
    assert far.received[0][0] == "/x?day=1"
    assert len(peers) == 1


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"{}", 404, BackofficeNotFound),
        (b"{}", 500, BackofficeUnavailable),
        (b"{}", 302, BackofficeUnavailable),
        (b"[1]", 200, BackofficeUnavailable),
        (b"\xff<html>", 200, BackofficeUnavailable),
        (b'{"a":"' + b"x" * (1024 * 1024) + b'"}', 200, BackofficeUnavailable),
    ],
)
def test_get__no_useful_answer__says_which(far: Any, body: bytes, status: int, expected: type[Exception]) -> None:
    far.answer = reply(body, status)
    with pytest.raises(expected):
        Backoffice(far.url).get("/x")


def test_get__slow__gives_up_in_half_a_second(far: Any) -> None:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        time.sleep(1.5)

    far.answer = answer
    started = time.monotonic()
    with pytest.raises(BackofficeTimeout):
        Backoffice(far.url).get("/x")
    assert time.monotonic() - started < 1.2


def test_get__nobody_there__is_unavailable() -> None:
    with pytest.raises(BackofficeUnavailable):
        Backoffice(f"http://127.0.0.1:{free_port()}").get("/x")
