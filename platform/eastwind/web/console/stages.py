"""Where an experiment stands on its ladder, and what lies between there and the next step. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from eastwind.errors import Message, Problem, msg
from eastwind.experiments import Experiment, Run
from eastwind.experiments.gate import WATCHED_WITHIN
from eastwind.flags import Environment, ladder
from eastwind.readiness import Ready
from eastwind.web.console.timeline import Reached, percent, reach_text

SHARES = tuple(map(Decimal, ("0.1", "1", "5", "25", "100")))
_CLOSED, _READY, _PILOTS, _FIRST_SHARE = range(4)

Place = Literal["done", "here", "next", "later"]
Stage = Literal["not-ready", "ready", "pilots", "open", "everybody"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the ladder as it is drawn."""

    label: Message
    place: Place


@dataclass(frozen=True, slots=True)
class Next:
    """The next step: a share to open to. `review` is the share to have reviewed first, if evidence is what lacks."""

    share: Decimal
    obstacles: tuple[Problem, ...] = ()
    review: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it for one experiment in one environment."""

    stage: Stage
    headline: Message
    steps: tuple[Step, ...]
    next: Next | None
    gated: bool


def standing(experiment: Experiment, environment: Environment, now: Reached, ready: Ready, watched_at: datetime | None,
             at: datetime) -> Standing:
    """Where `experiment` stands at `at`. `now` is what its flag lets in, `watched_at` when guards last looked."""
    run, gated = experiment.open_run(environment.name), environment.type == "production"
    index = _index(run, now, ready, gated)
    following = _next(experiment, run, now, ready, gated, watched_at, at)
    return Standing(_stage(run, now, ready, gated), _headline(run, now, ready, gated),
                    _steps(index, run, now, ready, gated), following, gated)


def _stage(run: Run | None, now: Reached, ready: Ready, gated: bool) -> Stage:
    if run is None:
        return "ready" if ready.share or not gated else "not-ready"
    if now.share == 0:
        return "pilots"
    return "everybody" if now.share == 100 else "open"


def _headline(run: Run | None, now: Reached, ready: Ready, gated: bool) -> Message:
    if run is not None:
        return reach_text(now)
    if ready.share:
        return msg("Ready to open, to {share} at the most", share=percent(ready.share))
    return msg("Not ready to open") if gated else msg("Closed; opening needs no review here")


def _index(run: Run | None, now: Reached, ready: Ready, gated: bool) -> int:
    """Which step of the ladder it stands on. A share between two steps stands on the lower one."""
    if run is None:
        return _READY if ready.share or not gated else _CLOSED
    if now.share == 0:
        return _PILOTS
    below = [i for i, share in enumerate(SHARES) if share <= (now.share if now.share is not None else run.share)]
    return _FIRST_SHARE + max(below, default=0)


def _steps(index: int, run: Run | None, now: Reached, ready: Ready, gated: bool) -> tuple[Step, ...]:
    first = msg("Not ready") if gated else msg("Closed")
    second = (msg("Ready up to {share}", share=percent(ready.share)) if ready.share else msg("Ready")) if gated \
        else msg("Free")
    labels = [first, second, msg("Pilots"), *(Message("{share}", {"share": percent(s)}) for s in SHARES)]
    if run is not None and now.share:
        labels[index] = Message("{share}", {"share": percent(now.share)})
    return tuple(Step(label, _place(i, index)) for i, label in enumerate(labels))


def _place(i: int, index: int) -> Place:
    return "done" if i < index else "here" if i == index else "next" if i == index + 1 else "later"


def _next(experiment: Experiment, run: Run | None, now: Reached, ready: Ready, gated: bool,
          watched_at: datetime | None, at: datetime) -> Next | None:
    current = (now.share if now.share is not None else run.share) if run else Decimal(0)
    higher = [share for share in SHARES if share > current]
    if not higher:
        return None
    share = higher[0]
    if not gated:
        return Next(share)
    obstacles = list(_order(experiment, at))
    needed = needed_share(share, run, now)
    lacking = ready.share < needed
    if lacking:
        obstacles.append(Problem("share", _evidence(ready, needed)))
    if watched_at is None or at - watched_at > WATCHED_WITHIN:
        obstacles.append(Problem("guards", msg(
            "no guard is looking, so nobody would close it: start the jobs process")))
    return Next(share, tuple(obstacles), needed if lacking else None)


def needed_share(share: Decimal, run: Run | None, now: Reached) -> Decimal:
    """The share that evidence must cover to open to `share`: pilots count too. Rounded up to one that can be asked."""
    named = run.share - now.share if run is not None and now.share is not None else Decimal(0)
    whole = min(share + max(named, Decimal(0)), Decimal(100))
    return ladder.round_up(whole)


def _evidence(ready: Ready, needed: Decimal) -> Message:
    if ready.share:
        return msg("the back end was shown to be ready for {ready}; {needed} needs a review",
                   ready=percent(ready.share), needed=percent(needed))
    return msg("the back end was not shown to be ready for {needed}", needed=percent(needed))


def _order(experiment: Experiment, at: datetime) -> list[Problem]:
    found = [Problem("experiment", msg("the shipped folder has errors; mend them and start again"))
             ] if experiment.problems else []
    if experiment.manifest.sunset < at.date():
        found.append(Problem("sunset", msg("its sunset date has passed; decide about it, or set a new one")))
    return found
