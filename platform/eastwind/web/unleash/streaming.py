"""Server-sent events: the whole state first, then each change within milliseconds, until the token dies."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Response, request

from eastwind.arrivals import Instance
from eastwind.errors import Busy, NotFound, Problem, Unavailable, msg
from eastwind.flags import Snapshot
from eastwind.people import Token
from eastwind.web.unleash.history import History
from eastwind.web.unleash.payload import Scope
from eastwind.web.unleash.wire import Wire

_LOOK_SECONDS = 2.0  # how often a quiet stream looks whether its token still lives
_BEAT_SECONDS = 8.0  # SDKs take a silent stream for dead after 30
_BEAT = b":\n\n"


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens, to what, and what it holds."""

    secret: str
    scope: Scope
    who: Instance | None
    sdk: str
    held: int | None


class Streams:
    """The open streams. Each holds a thread of the server, so there are at most `settings.max_streams`."""

    def __init__(self, wire: Wire, history: History) -> None:
        self._wire, self._history = wire, history
        self._counting = threading.Lock()
        self._open = 0

    def open(self, token: Token, secret: str, who: Instance | None, sdk: str) -> Response:
        """A stream to `who`. Raises `Busy` when there are too many, `NotFound` for an unknown environment."""
        scope = Scope(token.environment, token.projects)
        self._wire.publisher.current(scope.environment)
        slot = _Slot(self)
        response = Response(self._until_released(slot, Listener(secret, scope, who, sdk, _last_event_id())),
                            content_type="text/event-stream")
        response.headers.update({"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"})
        response.call_on_close(slot.release)  # a stream that was never begun gives its place back as well
        return response

    def enter(self) -> None:
        """Take a place."""
        with self._counting:
            if self._open >= self._wire.settings.max_streams:
                raise Busy(Problem("", msg("there are {most} streams open already", most=self._open)))
            self._open += 1
            self._wire.tally.add("streams")

    def leave(self) -> None:
        """Give it back."""
        with self._counting:
            self._open -= 1
            self._wire.tally.add("streams", -1)

    def _until_released(self, slot: "_Slot", listener: Listener) -> Iterator[bytes]:
        try:
            yield from self._follow(listener)
        finally:
            slot.release()

    def _follow(self, listener: Listener) -> Iterator[bytes]:
        environment = listener.scope.environment
        before, now = self._history.now(environment, listener.held)
        yield _BEAT if before is now else self._history.messages(listener.scope, before, now) or _BEAT
        spoke, looked = time.monotonic(), 0.0
        while True:
            # Not after every change: what one stream does then, those behind it wait for.
            if self._wire.publisher.stopped or time.monotonic() - looked >= _LOOK_SECONDS:
                if not self._lives(listener):
                    break
                looked = time.monotonic()
            self._arrived(listener, now)
            newer = self._wire.publisher.wait(environment, now.revision, _LOOK_SECONDS)
            if newer is not None:
                message = self._history.messages(listener.scope, now, newer)
                now = newer
            elif time.monotonic() - spoke >= _BEAT_SECONDS:
                message = _BEAT
            else:
                continue
            if message:
                yield message
                spoke = time.monotonic()
        # Those who are sent away come back at different times.
        yield f"retry: {random.randint(1000, 5000)}\n\n".encode()  # noqa: S311

    def _lives(self, listener: Listener) -> bool:
        if self._wire.publisher.stopped:
            return False
        try:
            self._wire.publisher.current(listener.scope.environment)
            return self._wire.keyring.token(listener.secret) is not None
        except NotFound:
            return False
        except Unavailable:
            return True  # not knowing is no reason to cut an SDK off

    def _arrived(self, listener: Listener, now: Snapshot) -> None:
        if listener.who is not None:
            self._wire.arrivals.streamed(listener.who, now.revision, listener.sdk)


class _Slot:
    """A place among the streams, given back once."""

    def __init__(self, streams: Streams) -> None:
        streams.enter()
        self._streams, self._lock, self._held = streams, threading.Lock(), True

    def release(self) -> None:
        """Give it back, if that has not been done."""
        with self._lock:
            held, self._held = self._held, False
        if held:
            self._streams.leave()


def _last_event_id() -> int | None:
    text = request.headers.get("Last-Event-ID", "").strip('"')
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
