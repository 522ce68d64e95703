"""`eastwind flags …`"""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from eastwind.audit import Actor
from eastwind.cli.command import command
from eastwind.errors import Invalid, NotFound, Problem, msg
from eastwind.settings import load

app = typer.Typer(no_args_is_help=True, help="Flags: take them to and from other servers.")
ACTOR = Actor("cli", "operator")
Where = Annotated[str, typer.Option(help="an environment")]


class Form(StrEnum):
    """What a document of flags looks like."""

    UNLEASH = "unleash"
    CLIENT = "client"


@app.command("import")
@command
def import_(file: Annotated[Path, typer.Argument(help="an Unleash export, or a client-features document")],
            environment: Where, project: Annotated[str, typer.Option(help="a project")] = "default",
            check: Annotated[bool, typer.Option("--check", help="Only say what would keep it out.")] = False,
            ) -> int:
    """Import all flags of a file, or none and say every reason."""
    from eastwind.app import build
    from eastwind.flags.exchange import Exchange
    from eastwind.flags.parcel import opened

    house = build(load())
    parcel = opened(_read(file), project, environment)
    exchange = Exchange(house.db, house.flags)
    if check:
        problems = exchange.check(parcel, project, environment, ACTOR)
        for problem in problems:
            print(f"{problem.field}: {problem.reason}")
        return 1 if problems else 0
    exchange.take(parcel, project, environment, ACTOR)
    print(f"{len(parcel.features)} flags are in {project}, {environment}")
    return 0


@app.command("export")
@command
def export(environment: Where, project: Annotated[str, typer.Option(help="a project, or * for all")] = "*",
           form: Annotated[Form, typer.Option(help="client: as SDKs are told; unleash: all")] = Form.UNLEASH,
           output: Annotated[Path | None, typer.Option("--output", "-o", help="a file; else it is printed")] = None,
           ) -> int:
    """Write the flags of an environment as JSON, in UTF-8."""
    from eastwind.app import build
    from eastwind.flags.exchange import Exchange
    from eastwind.flags.parcel import export_of

    house = build(load())
    exchange = Exchange(house.db, house.flags)
    if form is Form.CLIENT:
        document = exchange.client_document(environment, lambda _name, where: project in ("*", where))
    else:
        document = export_of(exchange.packed(environment, lambda f: project in ("*", f.project)), environment)
    text = json.dumps(document, ensure_ascii=False, indent=1)
    if output is None:
        print(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")
    return 0


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(Problem(str(file), msg("cannot be read: {detail}", detail=error.strerror))) from error
    except (ValueError, RecursionError) as error:
        raise Invalid(Problem(str(file), msg("is not valid JSON: {detail}", detail=str(error)[:200]))) from error
