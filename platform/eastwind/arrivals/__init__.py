"""Arrivals: which SDK instance holds which revision, and which of them acts on it."""

from eastwind.arrivals.model import Arrival, Bucket, Instance
from eastwind.arrivals.service import Arrivals

__all__ = ["Arrival", "Arrivals", "Bucket", "Instance"]
