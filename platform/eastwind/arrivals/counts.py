"""Reports of one instance between two writes, in one: the newest bucket of each flag."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from eastwind.arrivals.model import Bucket, Instance, Note

_MOST_TEXT = 200


class Counted(Protocol):
    """How often a flag was found on and off."""

    @property
    def yes(self) -> int: ...

    @property
    def no(self) -> int: ...


class Report:
    """Kept as it came until it is written: reports come more often than that."""

    __slots__ = ("_at", "_began", "_buckets", "_sdk")

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._buckets: Mapping[str, tuple[datetime, Counted]] = {}

    def add(self, began: datetime, buckets: Mapping[str, tuple[datetime, Counted]], at: datetime, sdk: str) -> None:
        """One more report. Those that come late do not replace newer ones."""
        if not self._buckets:
            self._buckets = buckets
        elif self._began is None or began >= self._began:
            self._buckets = {**self._buckets, **buckets}
        else:
            self._buckets = {**buckets, **self._buckets}
        self._began = began if self._began is None else max(began, self._began)
        self._at, self._sdk = at, sdk

    def note(self, who: Instance) -> Note:
        """All of them, as one thing seen."""
        return Note(who, self._at, self._sdk, buckets={
            flag[:_MOST_TEXT]: Bucket(began, count.yes, count.no) for flag, (began, count) in self._buckets.items()})
