"""From one snapshot to the next, as the delta events that streaming SDKs apply.

Order matters, for the engine does not check it: what closes goes first, each in a message of its own, so that nothing
that comes with it can hold it back; segments go before the features that use them; removals go last.
"""

from collections.abc import Callable, Iterable
from typing import Any

from eastwind.flags.document import Document
from eastwind.flags.publish import Snapshot

DeltaEvent = dict[str, Any]
Covers = Callable[[str], bool]


def hydration(now: Snapshot, covers: Covers) -> DeltaEvent:
    """The whole state, for a client that starts or was away too long."""
    return {"eventId": now.revision, "type": "hydration", "segments": list(_segments(now, covers).values()),
            "features": list(_features(now, covers).values())}


def changes(before: Snapshot, now: Snapshot, covers: Covers) -> list[list[DeltaEvent]]:
    """The messages that lead from `before` to `now`, in order; each message is a list of delta events."""
    old, new = _features(before, covers), _features(now, covers)
    # A document that did not change is the very same one: looking at it first spares most of the comparing.
    moved = [f for name, f in new.items() if f is not old.get(name) and f != old.get(name)]
    closing = [f for f in moved if not f["enabled"] and old.get(f["name"], f)["enabled"]]
    others = [f for f in moved if f not in closing]
    rest = [
        *_segment_updates(before, now, covers),
        *(_event(now, "feature-updated", feature=f) for f in others),
        *(_event(now, "feature-removed", featureName=name, project=old[name]["project"])
          for name in sorted(old.keys() - new.keys())),
        *_segment_removals(before, now, covers),
    ]
    return [[_event(now, "feature-updated", feature=f)] for f in closing] + ([rest] if rest else [])


def _event(now: Snapshot, kind: str, **content: Any) -> DeltaEvent:
    return {"eventId": now.revision, "type": kind, **content}


def _features(snapshot: Snapshot, covers: Covers) -> dict[str, Document]:
    return {f["name"]: f for f in snapshot.features if covers(f["project"])}


def _segments(snapshot: Snapshot, covers: Covers) -> dict[int, Document]:
    """Those that a covered feature uses: another project's customers are nobody else's business."""
    used = used_segments(_features(snapshot, covers).values())
    return {s["id"]: s for s in snapshot.segments if s["id"] in used}


def used_segments(features: Iterable[Document]) -> set[int]:
    """The numbers of the segments that these features use."""
    return {number for f in features for s in f["strategies"] for number in s.get("segments", ())}


def _segment_updates(before: Snapshot, now: Snapshot, covers: Covers) -> list[DeltaEvent]:
    old = _segments(before, covers)
    return [_event(now, "segment-updated", segment=s) for n, s in _segments(now, covers).items() if s != old.get(n)]


def _segment_removals(before: Snapshot, now: Snapshot, covers: Covers) -> list[DeltaEvent]:
    gone = _segments(before, covers).keys() - _segments(now, covers).keys()
    return [_event(now, "segment-removed", segmentId=number) for number in sorted(gone)]
