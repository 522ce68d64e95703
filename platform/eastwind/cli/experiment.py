"""The verbs of the innovation team, at the top: `eastwind list`, `review`, `open`, `close`, `report`.

They work on the database itself, so that closing needs no web server.
"""

import json
import time
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from eastwind.audit import Actor
from eastwind.cli.command import command, show_table
from eastwind.errors import Invalid, Problem, Unavailable, msg
from eastwind.readiness import Review
from eastwind.settings import load

ACTOR = Actor("cli", "operator")
_DRILLS = ("error", "hang", "flood", "memory", "none")
Slug = Annotated[str, typer.Argument(help="the experiment's folder name")]
Environment = Annotated[str, typer.Option("--environment", "-e", help="default: where the hall is")]
Share = Annotated[str, typer.Option("--share", "-s", help="percent of all customers, as 1 or 0.05 or 5%")]


def mount(app: typer.Typer) -> None:
    """Put the verbs on the command's first level."""
    for name, verb in (("list", list_), ("review", review), ("open", open_), ("close", close), ("rollback", close),
                       ("report", report), ("drill", drill)):
        app.command(name)(verb)


def percent(text: str) -> Decimal:
    """`"5"`, `"5%"` or `"0.05"` as percent. Raises `Invalid`."""
    try:
        return Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        raise Invalid(Problem("share", msg("{value} is not a number", value=text))) from None


@command
def list_() -> int:
    """List the experiments, and where they are open."""
    from eastwind.app import build

    rows: list[tuple[object, ...]] = []
    for item in build(load()).experiments.list():
        open_in = [f"{r.environment} {r.share.normalize():f} %" for r in item.runs.values() if r.is_open]
        rows.append((item.slug, item.manifest.owner, item.manifest.sunset, ", ".join(open_in) or "closed"))
    show_table(("experiment", "owner", "sunset", "open"), rows)
    return 0


@command
def review(slug: Slug, share: Share, environment: Environment = "",
           wait: Annotated[bool, typer.Option(help="wait for the verdict")] = True,
           as_json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False) -> int:
    """Have it shown that the back end carries a share. Exit code 0 ready, 1 not ready, 2 inconclusive."""
    from eastwind.app import build

    settings = load()
    house = build(settings)
    asked = house.experiments.ask_review(slug, environment or settings.hall_environment, percent(share), ACTOR)
    found: Any = asked
    if wait:
        # On standard error: standard output carries the verdict alone, for those who pipe it.
        with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
                      console=Console(stderr=True)) as bars:
            task = bars.add_task(f"review of {slug} at {share}", total=1.0)
            while found.state in ("queued", "running"):
                time.sleep(0.3)
                found = house.readiness.get(asked.id)
                done = found.progress.elapsed / found.progress.seconds if found.progress else 0.0
                bars.update(task, completed=done, description=f"{slug}: {found.state}")
    print(json.dumps({"id": found.id, "state": found.state, "share": str(found.share),
                      "reasons": [str(r) for r in found.reasons]}) if as_json
          else verdict_line(found))
    return {"ready": 0, "not-ready": 1, "inconclusive": 2}.get(found.state, 0)


def verdict_line(found: Review) -> str:
    """A review in one line: what it allows until when, or why it allows nothing."""
    if found.state == "ready" and found.expires_at:
        return f"ready up to {found.share.normalize():f} % of customers until {found.expires_at:%Y-%m-%d %H:%M} UTC"
    reasons = "; ".join(str(r) for r in found.reasons)
    return f"{found.state}: {reasons}" if reasons else f"{found.state}: review {found.id}"


@command
def open_(slug: Slug, share: Share, environment: Environment = "",
          pilot: Annotated[list[str] | None, typer.Option(help="an account; may be repeated")] = None) -> int:
    """Open (or widen, or narrow) an experiment, as far as it was shown to be ready."""
    from eastwind.app import build

    settings = load()
    run = build(settings).experiments.open(slug, environment or settings.hall_environment, percent(share), ACTOR,
                                           tuple(pilot) if pilot else None)
    print(f"{slug} is open to {run.share.normalize():f} % in {run.environment}")
    return 0


@command
def close(slug: Slug, environment: Environment = "",
          reason: Annotated[str, typer.Option(help="for the record")] = "closed by hand") -> int:
    """Close an experiment now: everybody is back on today's way. Needs no gate, no approval, and no web server."""
    from eastwind.app import build

    settings = load()
    run = build(settings).experiments.close(slug, environment or settings.hall_environment,
                                            msg("{reason}", reason=reason), ACTOR)
    print(f"{slug} is closed" if run else f"{slug} was closed already")
    return 0


@command
def report(slug: Slug, environment: Environment = "",
           as_json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False) -> int:
    """Print what an experiment brought: arms, sizes, difference and 95 % interval."""
    from eastwind.app import build
    from eastwind.cli.report import report_of, show_report

    settings = load()
    found = report_of(build(settings), slug, environment or settings.hall_environment)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show_report(Console(), found)
    return 0


@command
def drill(slug: Slug, kind: Annotated[str, typer.Argument(help="error, hang, flood, memory or none")]) -> int:
    """Switch a fault on in an experiment's process, to see that it is taken back."""
    from eastwind.app import build
    from eastwind.host import Fault

    if kind not in _DRILLS:
        raise Invalid(Problem("kind", msg("must be one of {choices}", choices=", ".join(_DRILLS))))
    house = build(load())
    house.experiments.get(slug)
    answer = house.front.control(slug, "drill", {"kind": kind})
    if isinstance(answer, Fault):
        raise Unavailable(Problem("experiment", msg("{slug} did not take the drill: {detail}", slug=slug,
                                                    detail=answer.detail)))
    print(f"drill {kind} is on in {slug}" if kind != "none" else f"no drill in {slug}")
    return 0
