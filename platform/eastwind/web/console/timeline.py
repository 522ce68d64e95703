"""What happened to an experiment and by whom, as sentences. Pure: events in, entries out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from eastwind.audit import Event
from eastwind.errors import Message, msg
from eastwind.experiments import Run
from eastwind.flags import FeatureEnvironment
from eastwind.flags import ladder as steps
from eastwind.readiness import Review

SHARE_SET = "experiment-share-set"
# Told by the closing itself, with its reason.
_SILENT = ("rolled-back",)
FLIPS = (SHARE_SET, "feature-environment-enabled", "feature-environment-disabled")


@dataclass(frozen=True, slots=True)
class Reached:
    """What a flag's two halves say together. `share` in percent; None where somebody set the flag in another way."""

    share: Decimal | None
    pilots: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline. `tone` is good, warn, stop, live or ""."""

    at: datetime
    who: Message
    text: Message
    tone: str = ""
    details: tuple[Message, ...] = ()


def percent(share: Decimal) -> str:
    """A share with its sign, without exponent or noughts at the end.

    The sign is never in a template: a `% o` there would be read as a placeholder by the catalogue's tools.
    """
    return f"{share.normalize():f} %" if share else "0 %"


def reached(parent: FeatureEnvironment | None, child: FeatureEnvironment | None) -> Reached:
    """The share and the number of pilots that an experiment's ladder (`parent`) and flag (`child`) let in."""
    if parent is None or child is None:
        return Reached(None)
    weights = [v.weight for s in parent.active if s.id == "ladder" for v in s.variants if v.name == steps.IN]
    rollouts = [int(s.parameters.get("rollout", "0")) for s in child.active if s.id == "share"]
    if len(weights) != 1 or len(rollouts) != 1:
        return Reached(None)
    named = [len(c.values) for s in child.active if s.id == "pilots" for c in s.constraints]
    return Reached(steps.Rung(weights[0], rollouts[0]).share, sum(named))


def entries(events: Iterable[Event], flag: str, runs: Iterable[Run], reviews: Iterable[Review]) -> list[Entry]:
    """The newest first. `events` in any order; why a run ended and what a review found, they are asked themselves."""
    found: list[Entry] = []
    teller = _Teller(flag, {run.close_event: run for run in runs if run.close_event is not None},
                     {review.id: review.reasons for review in reviews})
    ordered = sorted({event.id: event for event in events}.values(), key=lambda event: event.id)
    for event, following in zip(ordered, [*ordered[1:], None], strict=True):
        teller.note(event)
        first_half = following is not None and _is_first_half(event, following, flag)
        if not first_half and not _is_silent(event, flag):
            found.append(teller.tell(event))
    return found[::-1]


def last_flip(events: Iterable[Event], flag: str, environment: str) -> Event | None:
    """The newest change of what the flag serves in `environment`."""
    names = (flag, steps.parent_name(flag))
    flips = [e for e in events if e.subject in names and e.environment == environment and e.act in FLIPS]
    return max(flips, key=lambda e: e.id, default=None)


def _is_silent(event: Event, flag: str) -> bool:
    """Whether another entry says it already."""
    return event.act in _SILENT or (event.act == "feature-created" and event.subject != flag)


def _is_first_half(event: Event, following: Event, flag: str) -> bool:
    """Whether `event` is the ladder's half of a share that was set in one transaction."""
    return (event.act == following.act == SHARE_SET and following.id == event.id + 1
            and (event.subject, following.subject) == (steps.parent_name(flag), flag))


class _Teller:
    """Tells events in their order: what a share became depends on the half that was set before."""

    def __init__(self, flag: str, closing: Mapping[int, Run], reasons: Mapping[int, tuple[Message, ...]]) -> None:
        self._flag, self._closing, self._reasons = flag, closing, reasons
        self._states: dict[tuple[str, str], FeatureEnvironment] = {}

    def note(self, event: Event) -> None:
        if event.room == "flags" and event.environment and isinstance(event.after, Mapping):
            self._states[event.subject, event.environment] = FeatureEnvironment.model_validate(event.after)

    def tell(self, event: Event) -> Entry:
        after = event.after if isinstance(event.after, Mapping) else {}
        if event.act == SHARE_SET:
            return self._share(event)
        if event.act == "feature-environment-disabled" and event.subject == self._flag:
            return self._closed(event)
        make = _SENTENCES.get(event.act)
        text, tone = make(after) if make else (msg("{act} ({subject})", act=event.act, subject=event.subject), "")
        return Entry(event.at, who(event.actor), text, tone, self._details(event))

    def _details(self, event: Event) -> tuple[Message, ...]:
        if event.act == "review-finished" and isinstance(event.after, Mapping):
            return self._reasons.get(event.after.get("review", 0), ())
        return _details(event)

    def _share(self, event: Event) -> Entry:
        parent = self._states.get((steps.parent_name(self._flag), event.environment))
        now = reached(parent, self._states.get((self._flag, event.environment)))
        return Entry(event.at, who(event.actor), reach_text(now), "live")

    def _closed(self, event: Event) -> Entry:
        run = self._closing.get(event.id)
        if run is None:
            return Entry(event.at, who(event.actor), msg("Closed: everybody is on today's way"), "warn")
        text = msg("Rolled back: everybody is on today's way") if run.rolled_back else msg(
            "Closed: everybody is on today's way")
        reason = (run.close_reason,) if run.close_reason else ()
        return Entry(event.at, who(event.actor), text, "stop" if run.rolled_back else "warn", reason)


def reach_text(now: Reached) -> Message:
    """Whom an open experiment reaches, as one sentence."""
    if now.share is None:
        return msg("Open in a way that was set by hand")
    if not now.share:
        return msg("Open to {count} named pilots", count=now.pilots)
    if now.pilots:
        return msg("Open to {share} of customers and {count} named pilots", share=percent(now.share), count=now.pilots)
    return msg("Open to {share} of customers", share=percent(now.share))


def who(actor: str) -> Message:
    """Whom the trail names, as people say it."""
    kind, _, name = actor.partition(":")
    if kind == "guard":
        return msg("the guard")
    if kind == "job":
        return msg("the reviews' job")
    if kind == "token":
        return msg("token {name}", name=name)
    return Message("{name}", {"name": "Eastwind" if kind == "system" else name})


def _details(event: Event) -> tuple[Message, ...]:
    after = event.after
    if event.act == "experiment-manifest-refused" and isinstance(after, list):
        return tuple(map(_message, after[:20]))
    if isinstance(after, Mapping):
        problems = [p["reason"] for p in after.get("problems", ()) if isinstance(p, Mapping)]
        told = problems or [after[key] for key in ("reason",) if key in after]
        return tuple(_message(line) for line in told)
    return ()


def _message(told: Any) -> Message:
    """A stored reason: kept as a message, or as a plain sentence."""
    return Message.from_json(told) if isinstance(told, Mapping) else Message("{text}", {"text": str(told)})


def _asked(after: Mapping[str, Any]) -> str:
    return f"{after.get('share', '?')} %"


def _finished(after: Mapping[str, Any]) -> tuple[Message, str]:
    verdict = after.get("verdict")
    if verdict == "ready":
        return msg("Review passed: ready up to {share}", share=_asked(after)), "good"
    if verdict == "not-ready":
        return msg("Review failed: not ready for {share}", share=_asked(after)), "stop"
    return msg("Review of {share} was inconclusive", share=_asked(after)), "warn"


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], tuple[Message, str]]] = {
    "experiment-declared": lambda a: (msg("Shipped as build {build}", build=str(a.get("build", ""))[:12]), ""),
    "experiment-manifest-refused": lambda a: (msg("The shipped folder was refused"), "stop"),
    "experiment-open-refused": lambda a: (msg("Opening to {share} was refused", share=_asked(a)), "warn"),
    "review-asked": lambda a: (msg("Readiness review for {share} asked for", share=_asked(a)), ""),
    "review-started": lambda a: (msg("Readiness review for {share} started", share=_asked(a)), ""),
    "review-finished": _finished,
    "evidence-voided": lambda a: (msg("The readiness evidence so far is void"), "warn"),
    "feature-created": lambda a: (msg("The flag was made, off"), ""),
    "feature-environment-enabled": lambda a: (msg("The flag was switched on by hand"), "live"),
    "experiment-drill": lambda a: (msg("Fault drill: {kind}", kind=a.get("kind", "?")), "warn"),
}
