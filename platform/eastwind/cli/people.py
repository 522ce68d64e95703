"""`eastwind people …`"""

from typing import Annotated

import typer

from eastwind.audit import Actor
from eastwind.cli.command import command, show_table
from eastwind.settings import load

app = typer.Typer(no_args_is_help=True, help="People who sign in, and tokens for services.")
ACTOR = Actor("cli", "operator")


@app.command()
@command
def add(name: str, role: Annotated[str, typer.Option(help="innovator, manager or operator")],
        password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)]) -> int:
    """Add a person. The password is asked for, so that it stays out of the shell's history."""
    from eastwind.app import build

    build(load()).people.add_user(name, password, role, ACTOR)
    print(f"{name} can sign in as {role}")
    return 0


@app.command()
@command
def token(type_: Annotated[str, typer.Option("--type", help="backend, frontend or admin")] = "backend",
          environment: Annotated[str, typer.Option(help="an environment; * for admin")] = "development",
          project: Annotated[str, typer.Option(help="a project, or * for all")] = "*",
          name: Annotated[str, typer.Option(help="whom it is for")] = "command-line") -> int:
    """Make a token for a service. Its secret is shown this once."""
    from eastwind.app import build

    _, secret = build(load()).people.issue_token(type_, environment, (project,), name, ACTOR)
    print(secret)
    return 0


@app.command()
@command
def tokens() -> int:
    """List the live tokens; secrets are not kept, so they cannot be shown."""
    from eastwind.app import build

    found = build(load()).people.tokens()
    show_table(("id", "name", "type", "environment", "projects", "made"),
               [(t.id, t.name, t.type, t.environment, ",".join(t.projects), f"{t.created_at:%Y-%m-%d}") for t in found])
    return 0


@app.command()
@command
def revoke(number: int) -> int:
    """Revoke a token by its id."""
    from eastwind.app import build

    build(load()).people.revoke_token(number, ACTOR)
    return 0
