"""The last known state of the flags, in memory and on disk."""

import json
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

STATE: Final = "/client/features"  # the key under which UnleashClient keeps it


class Kept:
    """UnleashClient's cache: the newest state in memory, and in a file for a start while the platform is away.

    The file is replaced as a whole, so that several workers may share it and none reads half of it.
    """

    def __init__(self, file: Path, changed: Callable[[], None]) -> None:
        self._file, self._changed = file, changed
        self._held: dict[str, Any] = {}
        self._complained = False
        state = self._read()
        self.bootstrapped = state is not None
        if state is not None:
            self._held[STATE] = state

    def set(self, key: str, value: Any) -> None:
        """Holds `value`."""
        self._held[key] = value
        if key == STATE:
            self._changed()
            self._write(value)

    def mset(self, data: dict[str, Any]) -> None:
        """Holds several."""
        self._held.update(data)

    def get(self, key: str, default: Any = None) -> Any:
        """What is held."""
        return self._held.get(key, default)

    def exists(self, key: str) -> bool:
        """Whether anything is held."""
        return key in self._held

    def destroy(self) -> None:
        """The file stays for the next start."""

    def _read(self) -> str | None:
        try:
            text = self._file.read_text(encoding="utf-8")
            return text if isinstance(json.loads(text), dict) else None
        except (OSError, ValueError):
            return None

    def _write(self, text: str) -> None:
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, prefix=f".{self._file.stem}-")
            with os.fdopen(handle, "w", encoding="utf-8") as new:
                new.write(text)
            Path(name).replace(self._file)
        except OSError as problem:
            if not self._complained:
                log.warning("the flags are not kept for the next start: %s", problem)
            self._complained = True
