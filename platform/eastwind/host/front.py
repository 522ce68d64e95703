"""Stands between the customer and an experiment: whatever the experiment does, the customer is served in time.

`Front.call` never raises and never takes longer than the budget. It gives an `Answer` that is safe to embed in size,
type and encoding, or a `Fault` that says why there is none.
"""

import http.client
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.exc import SQLAlchemyError

from eastwind.db import Database
from eastwind.errors import EastwindError
from eastwind.host import store
from eastwind.host.breaker import Breaker, BreakerState
from eastwind.host.exchange import Pool, Reply, TooLong
from eastwind.host.model import Answer, Fault, FaultKind, Process, is_safe_path, read_outcomes, unsafe_header
from eastwind.settings import Settings

MAX_ANSWER_BYTES = 256 * 1024
_ADDRESS_SECONDS = 1.0
_WAIT_FOR_ADDRESS = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FrontState:
    """How an experiment looks from here. `process` is None if it was never shipped."""

    breaker: BreakerState
    faults_in_a_row: int
    in_flight: int
    process: Process | None


class _Fault(Exception):
    def __init__(self, kind: FaultKind, detail: str) -> None:
        self.kind, self.detail = kind, detail


class Front:
    """Calls experiments. One per process; its threads share it."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._budget = settings.experiment_timeout_ms / 1000
        self._concurrency = settings.experiment_concurrency
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()

    def call(self, slug: str, method: str, path: str, *, customer: str, arm: str, channel: str, language: str,
             request_id: str = "", form: Mapping[str, str] | None = None) -> Answer | Fault:
        """Ask experiment `slug` for a fragment on behalf of a customer. Never raises, never exceeds the budget."""
        began = time.monotonic()
        context = {"Customer": customer, "Arm": arm, "Channel": channel, "Language": language}
        headers = {f"X-Eastwind-{k}": v for k, v in context.items()} | {"Accept": "text/html"}
        if request_id:
            headers["X-Eastwind-Request-Id"] = request_id
        body = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form, encoding="utf-8", errors="replace").encode()
        try:
            if unsafe := unsafe_header(headers):
                raise _Fault("error", f"{unsafe} cannot be sent")
            if method not in ("GET", "POST") or not is_safe_path(path):
                raise _Fault("error", "this cannot be asked for")
            with self._line(slug).request(began) as exchange:
                html, outcomes, note = _fragment(exchange(method, path, headers, body, began + self._budget))
        except _Fault as fault:
            return Fault(fault.kind, fault.detail, _since(began))
        except Exception:
            log.exception("calling experiment %s", slug)
            return Fault("error", "the platform failed to ask", _since(began))
        return Answer(html, outcomes, _since(began), note)

    def control(self, slug: str, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | Fault:
        """Ask a control endpoint (`health`, `drill`, `counts`); POSTs `body` if there is one.

        Past the breaker and the concurrency limit, since it is how a sick experiment is looked at. Never raises.
        """
        began = time.monotonic()
        payload = None if body is None else json.dumps(dict(body)).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            reply = self._line(slug).exchange(
                "GET" if body is None else "POST", f"/_eastwind/{name}", headers, payload, began + self._budget)
            if reply.status != 200:
                raise _Fault("error", f"answered {reply.status}")
            answer = json.loads(reply.body)
            return answer if isinstance(answer, dict) else {}
        except _Fault as fault:
            return Fault(fault.kind, fault.detail, _since(began))
        except (ValueError, RecursionError):
            return Fault("rubbish", "not JSON", _since(began))

    def state(self, slug: str) -> FrontState:
        """The breaker and the process, for the console."""
        return self._line(slug).state()

    def _line(self, slug: str) -> "_Line":
        with self._lock:
            # Slugs come from manifests, not from customers: this cannot grow without bound.
            if slug not in self._lines:
                self._lines[slug] = _Line(self._db, slug, self._concurrency)
            return self._lines[slug]


class _Line:
    """The one way to one experiment: its address, connections, breaker and free places."""

    def __init__(self, db: Database, slug: str, concurrency: int) -> None:
        self._db, self._slug, self._concurrency = db, slug, concurrency
        self._lock = threading.Lock()
        self._breaker = Breaker()
        self._in_flight = 0
        self._process: Process | None = None
        self._known = threading.Event()
        self._read_at = -_ADDRESS_SECONDS
        self._pool = Pool(0)

    @contextmanager
    def request(self, at: float) -> Iterator[Any]:
        """A place for one request. How it ends moves the breaker, unless nobody was there to ask: that costs nothing,
        and a process that is back should be asked at once.
        """
        self._enter(at)
        verdict: bool | None = False
        try:
            yield self.exchange
            verdict = True
        except _Fault as fault:
            verdict = None if fault.kind == "down" else False
            raise
        finally:
            with self._lock:
                self._in_flight -= 1
                if verdict is not None:
                    self._breaker = self._breaker.report(verdict, at, time.monotonic())

    def _enter(self, at: float) -> None:
        with self._lock:
            if self._in_flight >= self._concurrency:
                raise _Fault("busy", f"{self._in_flight} requests are under way")
            self._breaker, admitted = self._breaker.admit(at)
            if not admitted:
                raise _Fault("open", f"{self._breaker.faults} faults in a row")
            self._in_flight += 1

    def exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None,
                 deadline: float) -> Reply:
        """One exchange; whatever goes wrong becomes a `_Fault`."""
        process, pool = self._address()
        if process is None or process.state != "up":
            raise _Fault("down", process.state if process else "not shipped")
        sent = {**headers, "X-Eastwind-Key": process.key, "Accept-Encoding": "identity"}
        try:
            return pool.exchange(method, path, sent, deadline=deadline, cap=MAX_ANSWER_BYTES, body=body)
        except TimeoutError:
            raise _Fault("timeout", "no whole answer in time") from None
        except TooLong as error:
            raise _Fault("rubbish", str(error)) from None
        except ConnectionRefusedError:
            self._read_at = -_ADDRESS_SECONDS
            raise _Fault("down", "nobody listens") from None
        except OSError:
            self._read_at = -_ADDRESS_SECONDS
            raise _Fault("error", "the connection broke") from None
        except (http.client.HTTPException, ValueError) as error:
            raise _Fault("rubbish", f"not HTTP: {type(error).__name__}") from None

    def _address(self) -> tuple[Process | None, Pool]:
        now = time.monotonic()
        with self._lock:
            stale = now - self._read_at >= _ADDRESS_SECONDS
            if stale:
                self._read_at = now
        if stale:
            # In a thread, for a database that hangs must not hold the customer: then the last address serves.
            reader = threading.Thread(target=self._read, daemon=True)
            reader.start()
            reader.join(_WAIT_FOR_ADDRESS)
        self._known.wait(_WAIT_FOR_ADDRESS)
        with self._lock:
            return self._process, self._pool

    def _read(self) -> None:
        try:
            with self._db.read() as tx:
                process = store.experiment(tx, self._slug)
        except (EastwindError, SQLAlchemyError):
            log.warning("the address of %s could not be read; using the last one", self._slug)
            return
        old = None
        with self._lock:
            if process and process.port != self._pool.port:
                old, self._pool = self._pool, Pool(process.port, self._concurrency)
            self._process = process
        self._known.set()
        if old:
            old.close()

    def state(self) -> FrontState:
        self._read()
        with self._lock:
            return FrontState(self._breaker.state, self._breaker.faults, self._in_flight, self._process)


def _fragment(reply: Reply) -> tuple[str, dict[str, float], str]:
    if reply.status != 200:
        raise _Fault("error", f"answered {reply.status}")
    if reply.headers.get_content_type() != "text/html":
        raise _Fault("rubbish", f"answered {reply.headers.get_content_type()[:60]}, not text/html")
    if (reply.headers.get_content_charset() or "utf-8") != "utf-8" or "content-encoding" in reply.headers:
        raise _Fault("rubbish", "not plain UTF-8")
    try:
        html = reply.body.decode("utf-8")
    except UnicodeDecodeError:
        raise _Fault("rubbish", "not UTF-8") from None
    outcomes, note = read_outcomes(reply.headers.get("X-Eastwind-Outcomes"))
    return html, outcomes, note


def _since(began: float) -> float:
    return (time.monotonic() - began) * 1000
