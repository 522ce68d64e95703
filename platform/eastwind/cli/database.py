"""`eastwind db …`"""

import typer

from eastwind.cli.command import command
from eastwind.settings import load

app = typer.Typer(no_args_is_help=True, help="The database: schema, state, and the audit trail in it.")


@app.command()
@command
def upgrade() -> int:
    """Bring the schema to this release."""
    from eastwind.app import build
    from eastwind.db.migrate import upgrade as run

    house = build(load())
    run(house.db)
    house.flags.ensure_defaults()
    print("the schema is this release's")
    return 0


@app.command()
@command
def verify() -> int:
    """Check the audit trail's chain; names the first event that was changed or removed."""
    from eastwind.app import build

    broken = build(load()).audit.verify()
    print("the audit trail holds" if broken is None else f"event {broken} was changed, removed or put in")
    return 0 if broken is None else 1


@app.command()
@command
def doctor() -> int:
    """Say which database this is, and whether it keeps what it acknowledged."""
    from eastwind.app import build
    from eastwind.db.migrate import is_current

    db = build(load()).db
    verdict = db.verdict()
    current = is_current(db)
    print(f"{verdict['engine']} {verdict['version']}: {'sound' if verdict['sound'] else verdict['why']}")
    print(f"schema: {'this release' if current else 'older; run `eastwind db upgrade`'}")
    return 0 if verdict["sound"] and current else 1
