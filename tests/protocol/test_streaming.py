"""The stream: hydration, changes in order, where it left off, and when it ends."""

import signal
from pathlib import Path

import pytest

from eastwind.arrivals import Arrivals
from tests.protocol.conftest import BACKEND, FRONTEND, TESTER, Server, Stream, serving, until


def test_stream__opened__hydrates_then_tells_of_changes(server: Server) -> None:
    server.flag("streamed")
    with Stream(server) as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["X-Accel-Buffering"] == "no"
        assert stream.response.headers["Transfer-Encoding"] == "chunked"
        first = stream.next()
        assert first and first.name == "unleash-connected"
        (hydration,) = first.data["events"]
        assert hydration["type"] == "hydration"
        assert int(first.id) == hydration["eventId"]
        server.switch("streamed", False)
        then = stream.next()
        assert then and then.name == "unleash-updated" and int(then.id) > int(first.id)
        assert then.data["events"][0]["feature"] | {"strategies": []} == then.data["events"][0]["feature"] | {
            "strategies": [], "name": "streamed", "enabled": False}


def test_stream__several_changes_at_once__close_comes_first_and_alone(server: Server) -> None:
    for name in ("aa-opens", "bb-closes"):
        server.flag(name, on=name.startswith("bb"))
    with Stream(server) as stream:
        stream.next()
        with server.database.write() as tx:
            server.flags.switch("aa-opens", "development", True, TESTER, tx)
            server.flags.switch("bb-closes", "development", False, TESTER, tx)
        closing, opening = stream.next(), stream.next()
        assert closing and [e["feature"]["name"] for e in closing.data["events"]] == ["bb-closes"]
        assert opening and [e["feature"]["name"] for e in opening.data["events"]] == ["aa-opens"]
        # Cut off between the two, a client must be told both again.
        assert closing.id == "" and opening.id != ""


def test_stream__opened_with_the_last_id__gets_only_what_it_missed(server: Server) -> None:
    server.flag("missed")
    with Stream(server) as stream:
        first = stream.next()
    assert first
    server.switch("missed", False)
    with Stream(server, **{"Last-Event-ID": first.id}) as stream:
        then = stream.next()
        assert then and then.name == "unleash-updated"
        assert [e["feature"]["name"] for e in then.data["events"]] == ["missed"]
        with Stream(server, **{"Last-Event-ID": then.id}) as up_to_date:
            server.switch("missed", True)
            after = up_to_date.next()
            assert after and after.name == "unleash-updated" and int(after.id) > int(then.id)


@pytest.mark.parametrize("last", ["1", "999999", "not-a-number"])
def test_stream__opened_with_an_unknown_id__hydrates(server: Server, last: str) -> None:
    with Stream(server, **{"Last-Event-ID": last}) as stream:
        first = stream.next()
        assert first and first.name == "unleash-connected"


def test_stream__token_revoked__ends(server: Server) -> None:
    token, secret = server.people.issue_token("backend", "development", ("*",), "streamer", TESTER)
    with Stream(server, secret) as stream:
        assert stream.next()
        server.people.revoke_token(token.id, TESTER)
        assert stream.next() is None


def test_stream__with_a_wrong_token__is_refused(server: Server) -> None:
    for token, status in (("", 401), ("unknown", 401), (FRONTEND, 403)):
        with Stream(server, token) as stream:
            assert stream.response.status_code == status


def test_stream__too_many__are_told_to_poll_and_places_come_back(tmp_path: Path) -> None:
    with serving(f"sqlite:///{tmp_path}/full.db", max_streams=2) as server:
        held = [Stream(server) for _ in range(2)]
        assert all(s.next() for s in held)
        with Stream(server) as refused:
            assert refused.response.status_code == 429
            assert 1 <= int(refused.response.headers["Retry-After"]) <= 30
        assert server.call("GET", "/api/client/features", token=BACKEND).status_code == 200
        held[0].response.close()
        server.flag("wakes-the-server")  # a write to the closed stream shows that nobody reads it

        def again() -> bool:
            with Stream(server) as stream:
                return stream.response.status_code == 200

        until(again, 15)
        held[1].response.close()


def test_stream__server_told_to_end__ends_whole_and_what_it_sent_is_written_down(tmp_path: Path) -> None:
    with serving(f"sqlite:///{tmp_path}/ending.db") as server:
        headers = {"unleash-appname": "billing", "unleash-instanceid": "b1"}
        with Stream(server, **headers) as stream:
            first = stream.next()
            assert first
            server.process.send_signal(signal.SIGTERM)
            assert stream.next() is None  # not cut off in the middle: that would raise
            assert server.process.wait(timeout=2) == 0
        (found,) = Arrivals(server.database).instances("development")
        assert (found.transport, found.steps[-1][0]) == ("streaming", int(first.id))
