"""`eastwind up`: check, start everything under one supervisor, say where to go."""

import contextlib
import fcntl
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from eastwind.db import Database
from eastwind.errors import EastwindError, Message, msg
from eastwind.experiments.manifest import load_folder
from eastwind.host.launch import programs
from eastwind.host.model import Process
from eastwind.host.supervisor import Supervisor
from eastwind.settings import Settings

READY_SECONDS = 30.0
_STYLES = {"up": "green", "starting": "cyan", "down": "yellow", "failed": "bold red", "not-loaded": "bold red"}


@dataclass(frozen=True)
class Welcome:
    """What a newcomer needs: `addresses` (what, url), `sign_ins` (role, name, password), `tokens` (type, environment,
    secret), and one customer of the hall (account, PIN).
    """

    addresses: tuple[tuple[str, str], ...] = ()
    sign_ins: tuple[tuple[str, str, str], ...] = ()
    tokens: tuple[tuple[str, str, str], ...] = ()
    customer: tuple[str, str] | None = None


class Blocked(Exception):
    """Something outside stops the start; `reason` is one line for the person at the keyboard."""

    def __init__(self, reason: Message) -> None:
        self.reason = reason
        super().__init__(str(reason))


def up(settings: Settings, prepare: Callable[[], tuple[Database, Welcome]], console: Console | None = None) -> int:
    """Run the platform until it is told to stop. Returns the exit code.

    0: stopped on request · 1: the web server was not ready in time · 2: a check failed, and nothing was started.
    `prepare` migrates, loads samples and says what to print; it is called after the checks.
    """
    console = console or Console()
    try:
        with _only_one(settings.data_dir):
            check_port(settings.host, settings.port)
            db, welcome = prepare()
            try:
                return _run(settings, db, welcome, console)
            finally:
                db.close()
    except Blocked as blocked:
        Console(stderr=True).print(escape(str(blocked.reason)), style="bold red", soft_wrap=True, highlight=False)
    except EastwindError as error:
        Console(stderr=True).print(escape(f"{error.title}: {error}"), style="bold red", soft_wrap=True, highlight=False)
    return 2


def check_port(host: str, port: int) -> None:
    """Raise `Blocked` unless `port` can be listened on."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise Blocked(msg("Port {port} on {host} cannot be used ({detail}): free it, or set EASTWIND_PORT to another.",
                          port=port, host=host, detail=error.strerror or error)) from error


@contextlib.contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data folder: proves that it can be written, and that nobody else runs on it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "up.lock").open("a+")
    except OSError as error:
        raise Blocked(msg("The data folder {folder} cannot be written ({detail}): set EASTWIND_DATA_DIR to another.",
                          folder=data_dir, detail=error.strerror or error)) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Blocked(msg("Another Eastwind already runs on the data folder {folder}: stop it first.",
                              folder=data_dir)) from error
        lock.truncate(0)  # only now: a start that was refused must not wipe the other's number
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _run(settings: Settings, db: Database, welcome: Welcome, console: Console) -> int:
    supervisor = Supervisor(settings, db, programs(load_folder(settings.experiments_dir)))
    late = threading.Event()
    ready = threading.Event()

    def give_up() -> None:
        late.set()
        supervisor.stop()

    timer = threading.Timer(READY_SECONDS, give_up)
    timer.daemon = True

    def on_event(process: Process) -> None:
        show(console, process)
        if process.kind == "web" and process.state == "up" and not ready.is_set():
            ready.set()
            timer.cancel()
            greet(console, welcome)

    timer.start()
    try:
        supervisor.run(on_event)
    finally:
        timer.cancel()
    if late.is_set():
        _explain(console, settings, supervisor)
        return 1
    return 0


def show(console: Console, process: Process) -> None:
    """One line for a change of state."""
    style = _STYLES[process.state]
    port = f"127.0.0.1:{process.port}" if process.port else ""
    line = f"[{style}]{process.state:<10}[/] {escape(process.name):<28} {port}"
    if process.state in ("down", "failed") and process.last_exit:
        line += f" {escape(str(process.last_exit))}"
    _print(console, line.rstrip())
    for problem in process.manifest_errors:
        _print(console, f"           [red]{escape(problem.field or process.slug)}[/]: {escape(str(problem.reason))}")


def greet(console: Console, welcome: Welcome) -> None:
    """Where to go and with what; one item a line, never wrapped, so that it can be copied and read by a program."""
    _print(console, "\n[bold green]Eastwind is ready.[/] Ctrl-C stops it.\n")
    _block(console, "Addresses", welcome.addresses)
    _block(console, "Sign-ins (role, name, password)", welcome.sign_ins)
    _block(console, "SDK tokens (type, environment, secret)", welcome.tokens)
    if welcome.customer:
        _block(console, "A customer for the hall (account, PIN)", (welcome.customer,))


def _block(console: Console, title: str, rows: tuple[tuple[str, ...], ...]) -> None:
    if not rows:
        return
    _print(console, f"[bold]{title}[/]")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        _print(console, "  " + "  ".join(escape(cell.ljust(width)) for cell, width in zip(row, widths, strict=True)))
    _print(console, "")


def _explain(console: Console, settings: Settings, supervisor: Supervisor) -> None:
    web = next(p for p in supervisor.processes() if p.kind == "web")
    _print(console, f"[bold red]The web server was not ready within {READY_SECONDS:.0f} s.[/]"
                    f" See {escape(str(settings.data_dir / 'logs' / 'web.log'))}. The end of it:")
    _print(console, escape(web.log_tail[-1500:]))


def _print(console: Console, line: str) -> None:
    console.print(line.rstrip(" "), soft_wrap=True, highlight=False)
