"""`python -m backoffice sample` makes a utility; `python -m backoffice serve` answers for it."""

import os
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer
import waitress
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from backoffice import build, store
from backoffice.app import create_app, now
from backoffice.export import examples, export

cli = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
THREADS = 8


@cli.command()
def sample(
    out: Annotated[Path, typer.Option(help="Folder for the database and the CSV export.")],
    customers: Annotated[int, typer.Option(min=1, max=2_000_000, help="Metered connections.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed on the same day gives the same sample.")] = 1,
) -> None:
    """Make a utility: grid, customers, thirteen months of readings, outages."""
    from backoffice.sample import generate  # numpy: the server has no need of it

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        step = progress.add_task(f"Making {customers:,} customers and their meters", total=None)
        made = generate(customers, seed, now())
        progress.update(step, description="Writing the database and the export")
        out.mkdir(parents=True, exist_ok=True)
        store.write(made, out)
        export(made, out)
    print(
        f"{len(made.stations)} stations, {len(made.feeders)} feeders, {len(made.transformers):,} transformers, "
        f"{len(made.customers):,} customers, {len(made.readings):,} readings, {len(made.outages)} outages in {out}"
    )
    for case, who in examples(made).items():
        print(f"  {case.replace('_', ' ')}: account {who['account']}, PIN {who['pin']}")


@cli.command()
def serve(
    data: Annotated[Path, typer.Option(help="Folder that `sample` wrote.")],
    port: Annotated[int, typer.Option(min=1, max=65535)],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    with_parent: Annotated[bool, typer.Option(help="End when the process that started this one has gone.")] = False,
) -> None:
    """Serve the sample as a JSON API until SIGTERM or Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if with_parent:
        threading.Thread(target=_outlive_nobody, args=(os.getppid(),), daemon=True).start()
    try:
        opened = store.Store(data)
        opened.freshen(now())
        server = waitress.create_server(
            create_app(opened),
            host=host,
            port=port,
            threads=THREADS,
            ident=None,
            max_request_body_size=65_536,
            max_request_header_size=16_384,
            connection_limit=500,
            asyncore_use_poll=True,
        )
    except (OSError, sqlite3.Error) as problem:  # no sample, a read-only folder, a taken port
        print(f"backoffice: {problem}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(f"backoffice {build()} on http://{host}:{port}, sample of {data}", flush=True)
    server.run()


def _outlive_nobody(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    cli(prog_name="backoffice")
