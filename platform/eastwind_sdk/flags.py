"""Flags for a Python service: the official UnleashClient, made safe to use after a fork, and reporting exposures."""

import os
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

import sentry_sdk
from sentry_sdk.feature_flags import add_feature_flag

from eastwind_sdk.errors import Malformed
from eastwind_sdk.flag_client import FlagClient, Options

Context = Mapping[str, Any]


class Flags:
    """Answers by the platform's flags, in this process and in every process forked from it.

    Nothing is started before the first question, and each process starts a client of its own: one `Flags` made at
    import may be used under `gunicorn --preload`, `multiprocessing`, or plainly. The first question of a process waits
    for the flags for `patience` seconds at most; then, and whenever the platform is away, the last known state counts
    (it is kept on disk too), and without one the caller's default. No question ever fails for the network.

    With `experiment=` an answer is reported as an exposure of the unit: `treatment` where the flag is on, else
    `control`. What does not fit into the buffer is counted in `dropped`, logged, and sent as the impact metric
    `eastwind_exposures_dropped`. If Sentry is initialised, its events carry the flags that were asked.
    """

    _living: ClassVar["weakref.WeakSet[Flags]"] = weakref.WeakSet()

    def __init__(
        self, url: str, token: str, app: str, *, mode: Literal["streaming", "polling"] = "streaming",
        instance: str = "", refresh: int = 5, report: int = 10, folder: Path | str | None = None,
        patience: float = 2.0, capacity: int = 10_000,
    ) -> None:
        """`url` is the platform's address, `token` a backend token, `app` the service's name.

        `instance` names this machine (its host name unless given); the process id is added. `refresh` (between polls)
        and `report` (between metrics) are whole seconds. The last state is kept in `folder`, the user's cache unless
        given. `capacity` bounds the exposures that wait. `Malformed` for an address that is none.
        """
        if not url.startswith(("http://", "https://")):
            raise Malformed(f"url {url!r}: it must begin with http:// or https://")
        import UnleashClient  # noqa: F401 - not above: experiments do without it; not later: forks share it

        self._options = Options(url.rstrip("/"), token, app, instance, mode, refresh, report,
                                Path(folder) if folder is not None else _cache_folder(), capacity)
        self._patience = patience
        self._client: FlagClient | None = None
        self._lock = threading.Lock()
        self._living.add(self)

    def is_enabled(
        self, flag: str, context: Context | None = None, default: bool = False, *, experiment: str = "", unit: str = ""
    ) -> bool:
        """Whether `flag` is on for `context`; `default` if the flag is not known.

        `experiment` reports the answer as an exposure of `unit`, which is the context's `userId` unless given.
        `Malformed` for an experiment whose name cannot be one.
        """
        client = self._client or self._begin()
        enabled: bool = client.unleash.is_enabled(flag, context, _yes if default else None)
        # Written out, here and below: at twenty-five microseconds a question, each call of ours would show.
        if flag not in client.asked:
            client.ask(flag)
        if sentry_sdk.is_initialized():
            add_feature_flag(flag, enabled)
        if experiment:
            exposing = client.exposures.get(experiment) or client.exposing(experiment)
            exposing.say(unit or _unit(context), "treatment" if enabled else "control")
        return enabled

    def variant(
        self, flag: str, context: Context | None = None, *, experiment: str = "", unit: str = ""
    ) -> dict[str, Any]:
        """UnleashClient's answer: `{"name", "enabled", "feature_enabled", "payload"?}`; name `disabled` without one.

        `experiment` and `unit` as in `is_enabled`: `treatment` where the flag is on.
        """
        client = self._client or self._begin()
        found: dict[str, Any] = client.unleash.get_variant(flag, context)
        enabled = bool(found["feature_enabled"])
        if flag not in client.asked:
            client.ask(flag)
        if sentry_sdk.is_initialized():
            add_feature_flag(flag, enabled)
            sentry_sdk.set_tag(f"flag.{flag}", found["name"])
        if experiment:
            client.exposing(experiment).say(unit or _unit(context), "treatment" if enabled else "control")
        return found

    def ready(self, timeout: float = 10.0) -> bool:
        """Starts this process's client, if need be, and tells whether the flags are known within `timeout` seconds."""
        return (self._client or self._begin()).known.wait(timeout)

    @property
    def dropped(self) -> int:
        """Exposures of this process that were lost: the buffer was full, or the unit cannot be counted."""
        return self._client.dropped if self._client else 0

    def flush(self, timeout: float = 5.0) -> bool:
        """Sends the exposures that wait, for `timeout` seconds at most. True when none is left."""
        return self._client is None or self._client.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Sends what is left and stops refreshing. The end of the program sends exposures by itself."""
        if self._client is not None:
            self._client.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.close()

    def _begin(self) -> FlagClient:
        with self._lock:  # whoever else has the first question waits here too
            if self._client is None:
                client = FlagClient(self._options)
                client.known.wait(self._patience)
                self._client = client
            return self._client

    def _forked(self) -> None:
        """The parent's threads are not here, and its locks may be held for ever: begin anew at the next question.

        The parent's client is kept, untouched: taking it apart would mean asking for its locks.
        """
        self._lock = threading.Lock()
        self._parents, self._client = self._client, None
        if self._parents is not None:
            self._parents.abandon()

    @classmethod
    def _all_forked(cls) -> None:
        for each in list(cls._living):
            each._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Flags._all_forked)


def _yes(_flag: str, _context: object) -> bool:
    return True


def _unit(context: Context | None) -> str:
    return str(context.get("userId", "")) if context else ""


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "eastwind"
