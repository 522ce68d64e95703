"""Where this experiment runs: what the platform put into its environment."""

import os
import re
from pathlib import Path

from eastwind_sdk.errors import Malformed, NotRunning

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def check() -> None:
    """`NotRunning`, naming the first setting that is missing or wrong."""
    for needed in (slug, port, key, memory_mb, backoffice_url, data_folder):
        needed()


def slug() -> str:
    """The experiment's name."""
    return _needed("EASTWIND_SLUG")


def flag() -> str:
    """The flag that this experiment is behind; the runner reads it from the manifest."""
    return os.environ.get("EASTWIND_FLAG") or slug()


def build() -> str:
    """Which version of the experiment this is."""
    return os.environ.get("EASTWIND_BUILD") or "unknown"


def port() -> int:
    """The loopback port to listen on."""
    text = _needed("EASTWIND_EXPERIMENT_PORT")
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise NotRunning(f"EASTWIND_EXPERIMENT_PORT is {text!r}, not a port number")
    return int(text)


def key() -> str:
    """The secret that only the platform and this process know; new at each start."""
    return _needed("EASTWIND_EXPERIMENT_KEY")


def memory_mb() -> int:
    """How much address space this process may take."""
    text = os.environ.get("EASTWIND_EXPERIMENT_MEMORY_MB") or "512"
    if not text.isdigit() or int(text) < 1:
        raise NotRunning(f"EASTWIND_EXPERIMENT_MEMORY_MB is {text!r}, not a number of megabytes")
    return int(text)


def backoffice_url() -> str:
    """Where the utility's own systems answer."""
    return _needed("EASTWIND_BACKOFFICE_URL").rstrip("/")


def data_folder() -> Path:
    """The folder that belongs to this experiment alone."""
    return Path(_needed("EASTWIND_EXPERIMENT_DATA"))


def data_path(name: str) -> Path:
    """A file in the experiment's own folder. `Malformed` for a name that could lead anywhere else."""
    if not _FILE_NAME.fullmatch(name):
        raise Malformed(f"{name!r}: a plain file name of letters, digits and . _ -, not a path")
    return data_folder() / name


def _needed(name: str) -> str:
    found = os.environ.get(name)
    if not found:
        raise NotRunning(f"{name} is not set: start experiments with `python -m eastwind_sdk.runner <folder>`")
    return found
