"""The processes of a running platform, and what stands between an experiment and the customer. Pure."""

import json
import math
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from eastwind.errors import Message, Problem, msg

Kind = Literal["backoffice", "experiment", "web", "jobs"]
State = Literal["starting", "up", "down", "failed", "not-loaded"]
FaultKind = Literal["timeout", "error", "rubbish", "busy", "open", "down"]

MAX_OUTCOMES = 20
_OUTCOME_NAME = re.compile(r"[a-z][a-z0-9_]{1,40}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?")
_PATH = re.compile(r"/[\x21-\x7e]{0,2000}")


@dataclass(frozen=True, slots=True)
class Program:
    """Something the supervisor keeps running. An experiment with `problems` is shown, not started."""

    name: str
    kind: Kind
    slug: str = ""
    folder: Path | None = None
    build: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """A program as it runs now.

    `down` is coming back by itself; `failed` has not come up in several tries in a row and is still tried, seldom;
    `not-loaded` has a manifest that is wrong. `restarts` counts since the platform started. `key` is a secret.
    """

    name: str
    kind: Kind
    slug: str
    state: State
    since: datetime
    port: int = 0
    key: str = field(default="", repr=False)
    pid: int = 0
    restarts: int = 0
    last_exit: Message | None = None
    log_tail: str = ""
    build: str = ""
    manifest_errors: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """The supervisor's patience, all in seconds."""

    first_delay: float = 0.2
    longest_delay: float = 10.0
    settled_after: float = 30.0  # up for so long: the next crash counts as the first
    start_within: float = 20.0
    hung_after: float = 30.0  # an experiment that was up and has not answered for so long is restarted
    grace: float = 2.5  # from asking to stop to killing

    def delay(self, crashes: int) -> float:
        """How long to wait before the next start, after `crashes` in a row."""
        return min(self.first_delay * 2.0 ** min(max(crashes - 1, 0), 30), self.longest_delay)


def exit_reason(code: int, log_tail: str) -> Message:
    """Why a process ended, from its return code (negative: signal) and the last line it wrote."""
    if code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else ""
        if -code == signal.SIGKILL:
            return msg("killed by signal 9 (out of memory?)")
        return msg("killed by signal {signal} {name}", signal=-code, name=name)
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    if code == 0 or not lines:
        return msg("exit {code}", code=code)
    return msg("exit {code}: {detail}", code=code, detail=lines[-1][:200])


@dataclass(frozen=True, slots=True)
class Answer:
    """What an experiment gave for one customer. `note` says which part of its outcomes was ignored, and why."""

    html: str
    outcomes: Mapping[str, float]
    elapsed_ms: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """The experiment did not serve this customer; the caller shows today's way."""

    kind: FaultKind
    detail: str
    elapsed_ms: float


def unsafe_header(values: Mapping[str, str]) -> str:
    """The name of the first value that cannot go into an HTTP header as it is, or ""."""
    return next((name for name, value in values.items() if not _HEADER_VALUE.fullmatch(value)), "")


def is_safe_path(path: str) -> bool:
    """Whether a customer may ask an experiment for `path`: absolute, and never its control endpoints.

    Decoded once more than HTTP does, so that no spelling of `/_eastwind` gets through.
    """
    if not _PATH.fullmatch(path):
        return False
    plain = unquote(unquote(path.partition("?")[0])).casefold()
    return not ("//" in plain or "\\" in plain or "/_eastwind" in plain or "/.." in plain or "#" in path)


def read_outcomes(header: str | None) -> tuple[dict[str, float], str]:
    """The outcomes an answer carries (`{"found_answer": 1}`), and a note on what was ignored."""
    if not header:
        return {}, ""
    try:
        data = json.loads(header, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return {}, "outcomes are not valid JSON"
    if not isinstance(data, dict) or len(data) > MAX_OUTCOMES:
        return {}, f"outcomes must be one object with at most {MAX_OUTCOMES} entries"
    good = {name: number for name, value in data.items()
            if _OUTCOME_NAME.fullmatch(name) and (number := _finite(value)) is not None}
    ignored = [name[:40] for name in data if name not in good]
    return good, f"ignored outcomes: {', '.join(ignored)}" if ignored else ""


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a name appears twice")
    return data
