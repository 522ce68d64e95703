"""What goes over the wire for one feature in one environment, made from the rows as stored.

Raises on a damaged row; the publisher then puts the closed form in its place.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

Document = dict[str, Any]
Row = Mapping[str, Any] | RowMapping

_STRATEGY = ("name", "parameters", "constraints", "variants", "segments")


def feature_document(row: Row) -> Document:
    """Unleash's client feature: no ids, no sort order, disabled strategies left out, parameter values as text.

    A feature that is on with every strategy disabled goes out as off: an SDK would read it as on for everybody.
    """
    strategies = [_strategy(s) for s in row["strategies"] or [] if not s.get("disabled")]
    document: Document = {
        "name": row["name"], "type": row["type"], "description": row["description"], "project": row["project"],
        "stale": row["stale"], "impressionData": row["impression_data"],
        "enabled": bool(row["enabled"]) and bool(strategies),
        "strategies": strategies, "variants": list(row["variants"] or []),
    }
    if row["dependencies"]:
        document["dependencies"] = [_dependency(d) for d in row["dependencies"]]
    return document


def closed(row: Row) -> Document:
    """The smallest form an engine accepts, off: what goes out for a feature that cannot be trusted."""
    return {"name": row["name"], "type": "release", "project": row["project"], "enabled": False, "stale": False,
            "impressionData": False, "strategies": [], "variants": []}


def segment_document(row: Row) -> Document:
    """Unleash's client segment."""
    return {"id": row["id"], "name": row["name"], "constraints": row["constraints"]}


def _strategy(stored: Mapping[str, Any]) -> Document:
    document = {key: stored[key] for key in _STRATEGY if key in stored}
    if not document.get("segments"):
        document.pop("segments", None)
    return document


def _dependency(stored: Mapping[str, Any]) -> Document:
    enabled = bool(stored.get("enabled", True))
    variants = list(stored.get("variants") or [])
    return {"feature": stored["feature"], "enabled": enabled} | ({"variants": variants} if enabled and variants else {})
