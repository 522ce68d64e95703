"""The acts of the demo. Each tells what was observed; one that was not observed makes the demo fail."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from eastwind.cli.demo.customers import Visits, treated, visit
from eastwind.cli.demo.sdk import Watcher, watch
from eastwind.cli.demo.stage import Stage, raised
from eastwind.flags import ladder
from eastwind.settings import Settings

SLUG, PLACE, SHARE = "outage-lookup", "production", Decimal(1)
_PATH = f"/experiments/{SLUG}"
_HEALTHY = (80, 240)  # customers who come before the fault: treated, control
_PATIENCE = 20.0  # seconds
_REVIEW_PATIENCE = 90.0


@dataclass
class Act:
    """One step: what was to be seen, whether it was, and what was measured (seconds, counts)."""

    name: str
    observed: bool = False
    detail: str = ""
    measured: dict[str, float] = field(default_factory=dict)


@dataclass
class Play:
    """What the acts share."""

    stage: Stage
    console: Console
    treated: list[str]
    control: list[str]
    watchers: list[Watcher] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """The experiment's latest run in production, as the API tells it; {} before the first."""
        found: dict[str, Any] = self.stage.api("GET", _PATH).json()["runs"].get(PLACE) or {}
        return found


def run(settings: Settings, json_file: Path | None, keep: bool) -> int:
    """Play all acts; 0 only if every one was observed."""
    console, began = Console(), time.monotonic()
    console.print("[bold]The first wind[/]: one experiment, from refused to rolled back. Nothing in it is simulated.\n")
    acts: list[Act] = []
    with ExitStack() as stack:
        with console.status("starting the platform on a folder of its own …"):
            stage = stack.enter_context(raised(settings, keep))
            play = _set_up(stage, console, stack)
        acts.append(Act("start", True, f"web, jobs, back office and experiments at {stage.url}",
                        {"seconds": time.monotonic() - began}))
        _show(console, acts[-1])
        for act in (refusal, review, opening, customers, rollback, today, report):
            acts.append(_played(act, play))
            _show(console, acts[-1])
            if not acts[-1].observed:
                break
    return _finish(console, acts, json_file, time.monotonic() - began)


def _set_up(stage: Stage, console: Console, stack: ExitStack) -> Play:
    accounts = stage.accounts()
    inside = treated(accounts, SLUG, ladder.rung(SHARE))
    play = Play(stage, console, inside, sorted(set(accounts) - set(inside)))
    for mode in ("streaming", "polling"):
        play.watchers.append(watch(stage, SLUG, inside[0], mode))
        stack.callback(play.watchers[-1].end)
    return play


def _played(act: Callable[[Play], Act], play: Play) -> Act:
    try:
        return act(play)
    except Exception as error:  # whatever went wrong, it was not observed, and the rest must still be cleaned up
        return Act(act.__name__, False, f"{type(error).__name__}: {error}")


# -- the acts -------------------------------------------------------------------------------------------------------


def refusal(play: Play) -> Act:
    """Opening is refused, with the reason, and the SDKs still say off."""
    began = time.monotonic()
    answer = play.stage.api("POST", f"{_PATH}/open", {"environment": PLACE, "share": str(SHARE)})
    took = time.monotonic() - began
    problems = answer.json().get("problems", [])
    off = [w.wait_for(False, 0, _PATIENCE) is not None for w in play.watchers]
    seen = answer.status_code == 409 and bool(problems) and all(off) and not play.state()
    return Act("refusal", seen, problems[0]["reason"] if problems else answer.text[:200], {"seconds": took})


def review(play: Play) -> Act:
    """A real Locust run shows what the back end carries."""
    began = time.monotonic()
    asked = play.stage.api("POST", f"{_PATH}/reviews", {"environment": PLACE, "share": str(SHARE)}).json()
    found = asked
    with Progress(TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn(), console=play.console,
                  transient=True) as bars:
        bar = bars.add_task("readiness review", total=1.0)
        while found["state"] in ("queued", "running") and time.monotonic() - began < _REVIEW_PATIENCE:
            time.sleep(0.3)
            found = play.stage.api("GET", f"{_PATH}/reviews/{asked['id']}").json()
            progress = found.get("progress") or {}
            bars.update(bar, completed=float(progress.get("fraction") or 0), description=(
                f"review {found['state']}: {progress.get('requests') or 0} requests"))
    evidence = found.get("evidence") or {}
    measured = {"seconds": time.monotonic() - began, **{
        name: float(evidence[name]) for name in ("requests", "requests_per_second", "p50_ms", "p95_ms", "p99_ms")
        if evidence.get(name) is not None}}
    ready = found["state"] == "ready"
    detail = (f"ready up to {found['share']} %, until {found.get('expires_at')}: {measured.get('requests', 0):.0f} "
              f"requests, p95 {measured.get('p95_ms', 0):.0f} ms" if ready else f"{found['state']}: {found['reasons']}")
    return Act("review", ready, detail, measured)


def opening(play: Play) -> Act:
    """1 % opens, and both SDKs see it."""
    began = time.time()
    answer = play.stage.api("POST", f"{_PATH}/open", {"environment": PLACE, "share": str(SHARE)})
    seen = {w.mode: w.wait_for(True, began, _PATIENCE) for w in play.watchers}
    measured = {f"open_to_sdk_{mode}_seconds": at - began for mode, at in seen.items() if at}
    ok = answer.status_code == 200 and all(seen.values())
    return Act("open", ok, f"open to {SHARE} % ({len(play.treated)} customers)" if ok else answer.text[:300], measured)


def customers(play: Play) -> Act:
    """Customers of both arms come through the hall; each gets the way the hash says."""
    inside, outside = _HEALTHY
    shown = {"treatment": Visits(), "control": Visits()}
    visit(play.stage, play.treated[:inside], shown["treatment"])
    visit(play.stage, play.control[:outside], shown["control"])
    new, old = shown["treatment"].ways, shown["control"].ways
    broken = shown["treatment"].broken + shown["control"].broken
    ok = (new["experiment"], old["today"], len(broken)) == (inside, outside, 0)
    return Act("customers", ok, f"{new['experiment']} treated saw the experiment, {old['today']} of control today's way"
               + (f"; broken: {broken[:3]}; {new} {old}" if not ok else ""),
               {"treated": new["experiment"], "control": old["today"], "broken": len(broken)})


def rollback(play: Play) -> Act:
    """A fault is switched on; the guard closes the flag by itself, and both SDKs see it."""
    drill = play.stage.verb("drill", SLUG, "error")
    if drill.returncode:
        return Act("rollback", False, drill.stderr[-300:])
    visits, stop = Visits(), threading.Event()
    rest = play.treated[_HEALTHY[0]:]
    traffic = threading.Thread(target=visit, args=(play.stage, rest, visits, stop), daemon=True)
    began = time.time()
    traffic.start()
    closed = _wait_closed(play)
    seen = {w.mode: w.wait_for(False, began, _PATIENCE) for w in play.watchers}
    stop.set()
    traffic.join(_PATIENCE)
    first = visits.first_today
    if not closed or first is None or not all(seen.values()):
        return Act("rollback", False, f"closed: {closed}, first fault: {first}, SDKs: {seen}, {visits.ways}")
    closed_at = datetime.fromisoformat(closed["closed_at"]).timestamp()
    measured = {"first_error_to_closed_seconds": closed_at - first, "customers_who_met_the_fault": visits.ways["today"]}
    measured |= {f"closed_to_sdk_{mode}_off_seconds": at - closed_at for mode, at in seen.items() if at}
    by_guard = str(closed["closed_by"]).startswith("guard:") and closed["rolled_back"] and not visits.broken
    return Act("rollback", by_guard, f"{closed['closed_by']}: {closed['close_reason']}", measured)


def today(play: Play) -> Act:
    """The hall is back on today's way for everybody, and opening again is refused."""
    visits = Visits()
    visit(play.stage, play.treated[:20] + play.control[:20], visits)
    again = play.stage.api("POST", f"{_PATH}/open", {"environment": PLACE, "share": str(SHARE)})
    ok = visits.ways == {"experiment": 0, "today": 40} and not visits.broken and again.status_code == 409
    return Act("today", ok, f"{visits.ways['today']} of 40 customers on today's way; opening again: {again.status_code}",
               {"today": visits.ways["today"], "broken": len(visits.broken)})


def report(play: Play) -> Act:
    """The report says what it brought, with an interval, and the audit trail holds."""
    answer = play.stage.api("GET", f"{_PATH}/report?environment={PLACE}")
    content = answer.json()
    chain = play.stage.verb("db", "verify")
    _print_report(play.console, content)
    primary = next((m for m in content.get("metrics", []) if m.get("role") == "primary"), {})
    ok = answer.status_code == 200 and chain.returncode == 0 and primary.get("difference") is not None
    return Act("report", ok, f"{primary.get('name')}: {primary.get('difference')}; {chain.stdout.strip()}")


def _wait_closed(play: Play) -> dict[str, Any] | None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        state = play.state()
        if state.get("closed_at"):
            return state
        time.sleep(0.05)
    return None


# -- telling --------------------------------------------------------------------------------------------------------


def _show(console: Console, act: Act) -> None:
    mark = "[green]✓[/]" if act.observed else "[bold red]✗[/]"
    console.print(f"{mark} [bold]{act.name:<10}[/] {escape(act.detail)}", highlight=False)
    if act.measured:
        figures = " · ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in act.measured.items())
        console.print(f"             [dim]{figures}[/]", highlight=False)


def _print_report(console: Console, content: dict[str, Any]) -> None:
    console.print_json(json.dumps(content, ensure_ascii=False))


def _finish(console: Console, acts: list[Act], json_file: Path | None, seconds: float) -> int:
    ok = all(act.observed for act in acts) and acts[-1].name == "report"
    if json_file:
        told = {"ok": ok, "seconds": seconds, "steps": [asdict(act) for act in acts]}
        json_file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    verdict = "[bold green]every step was observed[/]" if ok else "[bold red]not every step was observed[/]"
    console.print(f"\n{verdict} in {seconds:.0f} s", highlight=False)
    return 0 if ok else 1
