"""What every verb has in common: an error tree becomes one clear line a field, an exit code is an int."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import ParamSpec

import typer
from rich.console import Console
from rich.table import Table

from eastwind.errors import EastwindError

Args = ParamSpec("Args")
WRONG = 2


def command(verb: Callable[Args, int]) -> Callable[Args, None]:
    """Make a function that returns an exit code into a verb; errors of ours end it with their field and reason."""
    @functools.wraps(verb)
    def run(*args: Args.args, **kwargs: Args.kwargs) -> None:
        try:
            code = verb(*args, **kwargs)
        except EastwindError as error:
            Console(stderr=True).print(explain(error), style="bold red", markup=False, highlight=False, soft_wrap=True)
            code = 1 if error.status in (404, 409, 503) else WRONG
        raise typer.Exit(code)

    return run


def explain(error: EastwindError) -> str:
    """An error for the terminal: what, and then every field with its reason, a line each."""
    lines = [f"{p.field}: {p.reason}" if p.field else str(p.reason) for p in error.problems]
    return "\n".join([str(error.title), *("  " + line for line in lines)])


def show_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table: framed for people, tab-separated when piped."""
    console = Console()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(map(str, row)))
        return
    table = Table(*heads, header_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)
