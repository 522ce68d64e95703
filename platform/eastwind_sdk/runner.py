"""`python -m eastwind_sdk.runner <folder>`: one experiment, served in this process until SIGTERM.

It says one line for whatever keeps it from serving, and ends with a code that tells why:

    2  the folder, or a setting of the platform, is missing
    3  app.py could not be imported (the traceback is on stderr)
    4  app.py has no WSGI app named `app`
    5  it ran out of memory while serving
    6  the port is taken
"""

import importlib.util
import logging
import os
import signal
import sys
import tomllib
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import sentry_sdk
import waitress

from eastwind_sdk import faults, limits, place
from eastwind_sdk.errors import NotRunning

NO_PLACE, NO_IMPORT, NO_APP, PORT_TAKEN = 2, 3, 4, 6
THREADS: Final = 8


class CannotServe(Exception):
    """Why, and the exit code that tells it."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def main(arguments: list[str]) -> int:
    """Serves until it is told to end; the answer is the exit code."""
    signal.signal(signal.SIGTERM, _end)
    try:
        folder = _folder(arguments)
        settle(folder)
        server = _bind(load(folder))
    except CannotServe as problem:
        print(f"experiment cannot start: {problem}", file=sys.stderr, flush=True)
        return problem.code
    print(f"{place.slug()} {place.build()} on 127.0.0.1:{place.port()}", flush=True)
    server.run()
    return 0


def settle(folder: Path) -> None:
    """Takes this process to its place: limits, own folder, Sentry, quiet logs."""
    limits.die_with_parent()
    try:
        place.check()
        data = place.data_folder()
        data.mkdir(parents=True, exist_ok=True)
        os.chdir(data)
    except (NotRunning, OSError) as problem:
        raise CannotServe(NO_PLACE, str(problem)) from None
    os.environ.setdefault("EASTWIND_FLAG", _flag(folder))
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    faults.start(place.build())
    limits.apply(place.memory_mb())


def load(folder: Path) -> Any:
    """The WSGI app of the experiment in `folder`, whose own modules can be imported by name, as in a script."""
    module = _import(folder)
    app = getattr(module, "app", None)
    if not callable(app):
        raise CannotServe(NO_APP, f"{folder.name}/app.py has no WSGI app named `app`")
    return app


def _folder(arguments: list[str]) -> Path:
    if len(arguments) != 1:
        raise CannotServe(NO_PLACE, "usage: python -m eastwind_sdk.runner <folder>")
    folder = Path(arguments[0]).absolute()
    if not (folder / "app.py").is_file():
        raise CannotServe(NO_PLACE, f"there is no app.py in {folder}")
    return folder


def _import(folder: Path) -> ModuleType:
    name = f"eastwind_experiment_{folder.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, folder / "app.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Flask finds its templates through it
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    except BaseException as problem:  # it is somebody else's code: SystemExit too
        traceback.print_exc()
        raise CannotServe(NO_IMPORT, f"{folder.name}/app.py: {type(problem).__name__}: {problem}") from None
    return module


def _flag(folder: Path) -> str:
    """The manifest's flag. The platform has judged the manifest; here a bad one only means the default."""
    try:
        manifest = tomllib.loads((folder / "experiment.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = {}
    return str(manifest.get("flag") or os.environ.get("EASTWIND_SLUG") or folder.name)


def _bind(app: Any) -> Any:
    try:
        return waitress.create_server(
            app,
            host="127.0.0.1",
            port=place.port(),
            threads=THREADS,
            ident=None,
            max_request_body_size=65_536,
            max_request_header_size=16_384,
            connection_limit=500,
            asyncore_use_poll=True,
        )
    except OSError as problem:
        raise CannotServe(PORT_TAKEN, f"port {place.port()}: {problem.strerror}") from None


def _end(*_: object) -> None:
    """SIGTERM ends at once: a request that hangs must not keep the process."""
    sentry_sdk.flush(timeout=0.5)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
