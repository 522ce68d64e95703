"""Counts on their way to the database: added up in memory, bounded, taken away at once."""

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from eastwind.usage.model import Application, Count, Counted, Hour, joined

_MOST_ROWS = 100_000
_MOST_VARIANTS = 100
_MOST_APPLICATIONS = 10_000
_MOST_TEXT = 200
_LARGEST = 10**14  # a second's sum: an hour of them fits into the database's whole numbers
_Place = tuple[str, str, datetime]
_Row = tuple[str, str, datetime, str]


class _Sum:
    __slots__ = ("no", "variants", "yes")

    def __init__(self) -> None:
        self.yes = self.no = 0
        self.variants: dict[str, int] = {}


class Pending:
    """At most 100,000 rows an hour, so that no flood of names fills the disk; what does not fit is counted in `shed`.

    Safe between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[_Place, dict[str, _Sum]] = {}
        self._rows: set[_Row] = set()
        self._hour = datetime.min.replace(tzinfo=UTC)
        self._seen: dict[tuple[str, str], Application] = {}
        self.shed = 0

    def add(self, environment: str, app: str, hour: datetime, counts: Mapping[str, Counted]) -> None:
        """Add an application's counts of an hour."""
        with self._lock:
            sums = self._sums.setdefault((environment, app, hour), {})
            for name, count in counts.items():
                flag = name[:_MOST_TEXT]
                found = sums.get(flag)
                if found is None:
                    if not self._has_room((environment, app, hour, flag)):
                        self.shed += 1
                        continue
                    found = sums[flag] = _Sum()
                found.yes += count.yes
                found.no += count.no
                if count.variants:
                    self._add_variants(found.variants, count.variants)

    def _has_room(self, row: _Row) -> bool:
        """Whether a row may be written that was not until now. A new hour begins with none."""
        if row[2] > self._hour:
            self._hour, self._rows = row[2], set()
        if row not in self._rows and len(self._rows) >= _MOST_ROWS:
            return False
        self._rows.add(row)
        return True

    def knows(self, app: str, environment: str) -> bool:
        """Whether an application is noted already."""
        return (app, environment) in self._seen

    def see(self, application: Application) -> None:
        """Note that an application showed itself."""
        key = (application.app, application.environment)
        with self._lock:
            known = self._seen.get(key)
            if known is not None or len(self._seen) < _MOST_APPLICATIONS:
                self._seen[key] = joined(known, application) if known else application
            else:
                self.shed += 1

    def take(self) -> tuple[list[Hour], list[Application]]:
        """All of it; nothing is left."""
        with self._lock:
            sums, seen = self._sums, list(self._seen.values())
            self._sums, self._seen = {}, {}
        return [_hour(flag, environment, app, hour, s)
                for (environment, app, hour), flags in sums.items() for flag, s in flags.items()], seen

    def give_back(self, hours: Iterable[Hour], seen: Iterable[Application]) -> None:
        """What could not be written."""
        for item in hours:
            self.add(item.environment, item.app, item.hour, {item.feature: Count(item.yes, item.no, item.variants)})
        for application in seen:
            if (application.app, application.environment) not in self._seen:
                self.see(application)

    def _add_variants(self, sums: dict[str, int], counts: Mapping[str, int]) -> None:
        for given, shown in counts.items():
            name = given[:_MOST_TEXT]
            if name in sums or len(sums) < _MOST_VARIANTS:
                sums[name] = sums.get(name, 0) + shown
            else:
                self.shed += 1


def _hour(flag: str, environment: str, app: str, hour: datetime, found: _Sum) -> Hour:
    return Hour(flag, environment, app, hour, min(found.yes, _LARGEST), min(found.no, _LARGEST),
                {name: min(shown, _LARGEST) for name, shown in found.variants.items()})
