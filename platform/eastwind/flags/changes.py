"""From one snapshot to the next, as the delta events that streaming SDKs apply.

Order matters, for the engine does not check it: what closes goes first, each in a message of its own, so that nothing
that comes with it can hold it back; segments go before the features that use them; removals go last.
"""

from collections.abc import Callable
from typing import Any

from eastwind.flags.document import Document
from eastwind.flags.publish import Snapshot

DeltaEvent = dict[str, Any]
Covers = Callable[[str], bool]


def hydration(now: Snapshot, covers: Covers) -> DeltaEvent:
    """The whole state, for a client that starts or was away too long."""
    return {"eventId": now.revision, "type": "hydration", "segments": list(now.segments),
            "features": [f for f in now.features if covers(f["project"])]}


def changes(before: Snapshot, now: Snapshot, covers: Covers) -> list[list[DeltaEvent]]:
    """The messages that lead from `before` to `now`, in order; each message is a list of delta events."""
    old, new = _named(before, covers), _named(now, covers)
    moved = [new[name] for name in sorted(new) if new[name] != old.get(name)]
    closing = [f for f in moved if not f["enabled"] and old.get(f["name"], f)["enabled"]]
    others = [f for f in moved if f not in closing]
    rest = [
        *_segment_updates(before, now),
        *(_event(now, "feature-updated", feature=f) for f in others),
        *(_event(now, "feature-removed", featureName=name, project=old[name]["project"])
          for name in sorted(old.keys() - new.keys())),
        *_segment_removals(before, now),
    ]
    return [[_event(now, "feature-updated", feature=f)] for f in closing] + ([rest] if rest else [])


def _event(now: Snapshot, kind: str, **content: Any) -> DeltaEvent:
    return {"eventId": now.revision, "type": kind, **content}


def _named(snapshot: Snapshot, covers: Covers) -> dict[str, Document]:
    return {f["name"]: f for f in snapshot.features if covers(f["project"])}


def _segment_updates(before: Snapshot, now: Snapshot) -> list[DeltaEvent]:
    old = {s["id"]: s for s in before.segments}
    return [_event(now, "segment-updated", segment=s) for s in now.segments if s != old.get(s["id"])]


def _segment_removals(before: Snapshot, now: Snapshot) -> list[DeltaEvent]:
    gone = {s["id"] for s in before.segments} - {s["id"] for s in now.segments}
    return [_event(now, "segment-removed", segmentId=number) for number in sorted(gone)]
