"""The acts of the demo. Each tells what was observed; one that was not observed makes the demo fail."""

import json
import random
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
from eastwind.cli.report import show_report
from eastwind.flags import ladder
from eastwind.settings import Settings

SLUG, PLACE, SHARE = "outage-lookup", "production", Decimal(1)
_PATH = f"/experiments/{SLUG}"
_HEALTHY = 3_500  # customers who come before the fault: enough for 30 treated ones, the least a report speaks on
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
    treated: frozenset[str]
    coming: list[str]  # every customer, in the order in which they come
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
    coming = stage.accounts()
    random.Random(1).shuffle(coming)  # noqa: S311 - an order that repeats, no secret
    inside = treated(coming, SLUG, ladder.rung(SHARE))
    play = Play(stage, console, frozenset(inside), coming)
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
    answer = play.stage.api("POST", f"{_PATH}/reviews", {"environment": PLACE, "share": str(SHARE)})
    if answer.status_code >= 300:
        return Act("review", False, answer.text[:500])
    asked = found = answer.json()
    with Progress(TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn(), console=play.console,
                  transient=True) as bars:
        bar = bars.add_task("readiness review", total=1.0)
        while found["state"] in ("queued", "running") and time.monotonic() - began < _REVIEW_PATIENCE:
            time.sleep(0.3)
            found = play.stage.api("GET", f"{_PATH}/reviews/{asked['id']}").json()
            progress = found.get("progress") or {}
            bars.update(bar, completed=(progress.get("elapsed") or 0) / (progress.get("seconds") or 1), description=(
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
    detail = f"open to {SHARE} % ({len(play.treated)} of {len(play.coming)} customers)" if ok else answer.text[:300]
    return Act("open", ok, detail, measured)


def customers(play: Play) -> Act:
    """Customers come through the hall as they come; each gets the way that the hash says."""
    first, visits = play.coming[:_HEALTHY], Visits()
    with Progress(TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn(), console=play.console,
                  transient=True) as bars:
        bar = bars.add_task("customers come through the hall", total=len(first))
        crowd = threading.Thread(target=visit, args=(play.stage, first, play.treated, visits), daemon=True)
        began = time.monotonic()
        crowd.start()
        while crowd.is_alive():
            crowd.join(0.2)
            bars.update(bar, completed=visits.came)
    seconds = time.monotonic() - began
    wrong = visits.new ^ (play.treated & set(first))
    ok = not wrong and not visits.broken and len(visits.old) + len(visits.new) == len(first)
    detail = f"{len(visits.new)} let in saw the experiment, {len(visits.old)} today's way"
    return Act("customers", ok, detail + (f"; not as the hash says: {sorted(wrong)[:3]}; broken: {visits.broken[:3]}"
                                          if not ok else ""),
               {"treated": len(visits.new), "control": len(visits.old), "broken": len(visits.broken),
                "customers_per_second": len(first) / seconds})


def rollback(play: Play) -> Act:
    """A fault is switched on; the guard closes the flag by itself, and both SDKs see it."""
    drill = play.stage.verb("drill", SLUG, "error")
    if drill.returncode:
        return Act("rollback", False, drill.stderr[-300:])
    visits, stop = Visits(), threading.Event()
    traffic = threading.Thread(target=visit, args=(play.stage, play.coming[_HEALTHY:], play.treated, visits, stop))
    began = time.time()
    traffic.start()
    with play.console.status("a fault is on; customers go on coming, and nobody at the keyboard does anything …"):
        closed = _wait_closed(play)
        seen = {w.mode: w.wait_for(False, began, _PATIENCE) for w in play.watchers}
    stop.set()
    traffic.join(_PATIENCE)
    first = visits.first_fault
    if not closed or first is None or not all(seen.values()):
        return Act("rollback", False, f"closed: {closed}, first fault: {first}, SDKs: {seen}, came: {visits.came}")
    closed_at = datetime.fromisoformat(closed["closed_at"]).timestamp()
    measured = {"first_error_to_closed_seconds": closed_at - first}
    measured |= {f"closed_to_sdk_{mode}_off_seconds": at - closed_at for mode, at in seen.items() if at}
    measured |= {"customers_meanwhile": visits.came, "broken": len(visits.broken)}
    by_guard = str(closed["closed_by"]).startswith("guard:") and closed["rolled_back"] and not visits.broken
    return Act("rollback", by_guard, f"{closed['closed_by']}: {closed['close_reason']}", measured)


def today(play: Play) -> Act:
    """The hall is back on today's way for everybody, and opening again is refused."""
    visits, some = Visits(), [*sorted(play.treated)[:20], *play.coming[:20]]
    visit(play.stage, some, play.treated, visits)
    again = play.stage.api("POST", f"{_PATH}/open", {"environment": PLACE, "share": str(SHARE)})
    ok = visits.old == set(some) and not visits.new and not visits.broken and again.status_code == 409
    arrived = _wait_delivered(play)
    told = [a["app"] for a in arrived if a["delivered_at"]]
    ok = ok and {f"demo-{w.mode}" for w in play.watchers} <= set(told)
    detail = (f"{len(visits.old)} of {len(set(some))} customers on today's way; the close was delivered to "
              f"{len(told)} of {len(arrived)} SDKs; opening again: {again.status_code}")
    return Act("today", ok, detail, {"today": len(visits.old), "broken": len(visits.broken),
                                     "sdks": len(arrived), "delivered": len(told)})


def report(play: Play) -> Act:
    """The report says what it brought, with an interval, and the audit trail holds."""
    answer = play.stage.api("GET", f"{_PATH}/report?environment={PLACE}")
    content = answer.json()
    chain = play.stage.verb("db", "verify")
    show_report(play.console, content)
    primary: dict[str, Any] = next((m for m in content.get("metrics", []) if m["role"] == "primary"), {})
    ok = answer.status_code == 200 and chain.returncode == 0 and primary.get("difference") is not None
    return Act("report", ok, f"{content.get('answer')}; {chain.stdout.strip()}")


def _wait_delivered(play: Play) -> list[dict[str, Any]]:
    """What the server knows of each SDK and the close, once it knows that all have it. An SDK shows it by asking."""
    until = time.monotonic() + _PATIENCE
    while True:
        arrived: list[dict[str, Any]] = play.stage.api("GET", f"{_PATH}/arrivals?environment={PLACE}").json()["closed"]
        if all(a["delivered_at"] for a in arrived) or time.monotonic() > until:
            return arrived
        time.sleep(0.2)


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


def _finish(console: Console, acts: list[Act], json_file: Path | None, seconds: float) -> int:
    ok = all(act.observed for act in acts) and acts[-1].name == "report"
    if json_file:
        told = {"ok": ok, "seconds": seconds, "steps": [asdict(act) for act in acts]}
        json_file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    verdict = "[bold green]every step was observed[/]" if ok else "[bold red]not every step was observed[/]"
    console.print(f"\n{verdict} in {seconds:.0f} s", highlight=False)
    return 0 if ok else 1
