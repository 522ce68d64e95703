"""Append-only, hash-chained events. Their sequence is the revision that SDKs follow."""

from eastwind.audit.model import SYSTEM, Actor, Event
from eastwind.audit.service import Audit, record

__all__ = ["SYSTEM", "Actor", "Audit", "Event", "record"]
