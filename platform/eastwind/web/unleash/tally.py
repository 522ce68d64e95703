"""What this process counted since it started, for those who watch it."""

import threading
from collections import Counter


class Tally:
    """Counts by name. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, more: int = 1) -> None:
        """Count one, or `more`; -1 for what ended."""
        with self._lock:
            self._counts[name] += more

    def __getitem__(self, name: str) -> int:
        return self._counts[name]
