"""Plans and evidence for tests."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from eastwind.audit import Actor
from eastwind.readiness.model import Evidence, LoadPlan

ANNA = Actor("user", "anna")


def a_plan(**changes: Any) -> LoadPlan:
    """1 % of 1,000 customers: 60 requests/s for 2 s, p95 at most 150 ms, at most 1 % failed."""
    plan = LoadPlan("outage-lookup", "production", Decimal(1), "b1", 60.0, 2, 150.0, 0.01, "locustfile.py",
                    1_000, 0.02, 2.0)
    return replace(plan, **changes)


def evidence(**changes: Any) -> Evidence:
    """What passes `a_plan()`."""
    good = Evidence(requests=120, failures=0, requests_per_second=60.0, p50_ms=20.0, p95_ms=40.0, p99_ms=50.0,
                    max_ms=61.0, errors=(), seconds=2.0, asked_per_second=60.0, build="b1", users=60,
                    generator_cpu=12.0, raw={"names": 1})
    return replace(good, **changes)
