"""Every change reaches everybody who waits, in whatever order they are woken."""

import threading
import time

from eastwind.db import Database
from eastwind.errors import NotFound
from eastwind.flags import Environment, Feature, Flags, OpenGate, Publisher
from tests.protocol.conftest import TESTER, Server, Stream


class Waiter(threading.Thread):
    """Waits for one revision after another, until told to stop, and remembers the last."""

    def __init__(self, publisher: Publisher, environment: str) -> None:
        super().__init__(daemon=True)
        self._publisher, self._environment = publisher, environment
        self.seen: list[int] = [publisher.current(environment).revision]
        self.late = 0.0

    def run(self) -> None:
        while not self._publisher.stopped:
            began = time.monotonic()
            found = self._publisher.wait(self._environment, self.seen[-1], 5)
            if found is None and not self._publisher.stopped:
                self.late = max(self.late, time.monotonic() - began)
            if found is not None:
                self.seen.append(found.revision)


def test_publisher__many_wait__all_hear_of_every_last_change_and_none_of_others(sqlite_db: Database) -> None:
    flags, publisher = Flags(sqlite_db, OpenGate()), Publisher(sqlite_db)
    flags.ensure_defaults()
    flags.create(Feature(name="told"), TESTER)
    publisher.refresh()
    waiters = [Waiter(publisher, ("development", "production")[n % 2]) for n in range(200)]
    quiet = publisher.current("production").revision
    for waiter in waiters:
        waiter.start()
    for turn in range(6):
        flags.switch("told", "development", turn % 2 == 0, TESTER)
        publisher.refresh()
        time.sleep(0.001 * turn)  # so that a wave meets the next one at different places
    last = publisher.current("development").revision
    end = time.monotonic() + 3
    while time.monotonic() < end and any(w.seen[-1] != last for w in waiters[::2]):
        time.sleep(0.01)
    assert {w.seen[-1] for w in waiters[::2]} == {last}
    assert {w.seen[-1] for w in waiters[1::2]} == {quiet}
    assert all(w.seen == sorted(set(w.seen)) for w in waiters)
    publisher.stop()
    for waiter in waiters:
        waiter.join(timeout=2)
        assert not waiter.is_alive()


def test_publisher__waiting_for_a_new_environment__hears_of_it(sqlite_db: Database) -> None:
    flags, publisher = Flags(sqlite_db, OpenGate()), Publisher(sqlite_db)
    flags.ensure_defaults()
    publisher.refresh()
    heard: list[object] = []
    waiter = threading.Thread(target=lambda: heard.append(publisher.wait("staging", -1, 5)), daemon=True)
    waiter.start()
    time.sleep(0.1)
    flags.add_environment(Environment(name="staging"), TESTER)
    publisher.refresh()
    waiter.join(timeout=2)
    assert heard and heard[0] is not None
    try:
        publisher.current("no-such")
    except NotFound:
        return
    raise AssertionError("an unknown environment was served")


def test_streams__thirty_open__all_hear_of_each_flip(server: Server) -> None:
    server.flag("waking")
    streams = [Stream(server) for _ in range(30)]
    try:
        assert all(s.next() for s in streams)
        for on in (False, True, False):
            server.switch("waking", on)
            for stream in streams:
                told = stream.next()
                assert told and [e["feature"]["enabled"] for e in told.data["events"]] == [on]
    finally:
        for stream in streams:
            stream.response.close()
