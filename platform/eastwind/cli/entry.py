"""The command `eastwind`. Exit codes: 0 done · 1 not so (not ready, not found, not observed) · 2 wrong use or setting.

Rooms are imported inside the verbs: help and a second start should not wait for what they do not use.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from eastwind.cli import database, experiment, flags, people
from eastwind.cli.command import command, show_table
from eastwind.settings import load, origins

app = typer.Typer(name="eastwind", no_args_is_help=True, add_completion=True, rich_markup_mode="rich",
                  help="An innovation sandbox with feature flags: try things on few customers, safely.",
                  pretty_exceptions_enable=False)
app.add_typer(database.app, name="db")
app.add_typer(people.app, name="people")
app.add_typer(flags.app, name="flags")
experiment.mount(app)


@app.command()
@command
def up() -> int:
    """Start everything under one supervisor, and print where it is and how to sign in."""
    from eastwind.app import build
    from eastwind.cli.first_start import prepare
    from eastwind.cli.up import Welcome
    from eastwind.cli.up import up as run
    from eastwind.db import Database

    settings = load()
    os.umask(0o077)  # what lies in the data folder is nobody else's, the children's files included

    def ready() -> tuple[Database, Welcome]:
        house = build(settings)
        return house.db, prepare(house)

    return run(settings, ready)


@app.command()
@command
def serve() -> int:
    """Run the web server alone (`up` runs it together with all else)."""
    settings = load()
    streams = settings.threads
    # Processes instead of a shell: the supervisor signals this very process.
    os.execv(sys.executable, [  # noqa: S606
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", settings.host, "--port", str(settings.port),
        "--workers", "1", "--blocking-threads", str(streams), "--backlog", "4096", "--backpressure", str(streams),
        "--workers-kill-timeout", "2", "--no-access-log", "--log-level", "warning", "eastwind.wsgi:app"])


@app.command()
@command
def jobs() -> int:
    """Run guards and reviews alone (`up` runs them together with all else)."""
    from eastwind.app import build
    from eastwind.cli.jobs import run

    return run(build(load()))


@app.command()
@command
def config() -> int:
    """Print every setting with where its value comes from; secrets are masked."""
    show_table(("setting", "value", "from", "what it is"), [(o.name, o.value, o.origin, o.help) for o in origins()])
    return 0


@app.command()
@command
def demo(json_file: Annotated[Path | None, typer.Option("--json", help="Write what was measured to this file.")] = None,
         keep: Annotated[bool, typer.Option(help="Leave the demo's data folder behind.")] = False) -> int:
    """See an experiment refused, shown ready, opened to 1 %, failing, and taken back by itself."""
    from eastwind.cli.demo import run

    return run(load(), json_file, keep)


def main() -> None:
    """Entry of the command `eastwind`."""
    app()
