"""Read what Locust wrote. It comes from a process that runs others' code: every field is checked."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from eastwind.readiness.model import Evidence, LoadPlan, Target, merged, percentile

_LARGEST = 32 * 1024 * 1024
_NAMES_KEPT = 50

Count = Annotated[int, Field(ge=0, le=10**12)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Counted = tuple[tuple[str, Count], ...]


class UnreadableReport(Exception):
    """There is no report, or it is not one."""


class _Entry(BaseModel):
    """One request name of Locust's report."""

    name: str
    method: str | None
    num_requests: Count
    num_none_requests: Count
    num_failures: Count
    max_response_time: Number
    response_times: dict[Count, Count]


class _End(BaseModel):
    """The closing line of our listener."""

    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    cpu: Number
    late_ms: Number
    errors: Counted
    raised: Counted
    elsewhere: Count


_ENTRIES = TypeAdapter(list[_Entry])


def read_report(report: Path, progress: Path, plan: LoadPlan, target: Target) -> Evidence:
    """The evidence in Locust's `report` and our listener's `progress`. Raises `UnreadableReport`."""
    try:
        entries = _ENTRIES.validate_python(_json(report.read_bytes()))
        end = _End.model_validate(_json(progress.read_bytes().splitlines()[-1]))
    except (OSError, ValueError, IndexError, RecursionError, ValidationError) as error:
        raise UnreadableReport from error
    if any(sum(e.response_times.values()) + e.num_none_requests != e.num_requests for e in entries):
        raise UnreadableReport
    return _evidence(entries, end, plan, target)


def _evidence(entries: list[_Entry], end: _End, plan: LoadPlan, target: Target) -> Evidence:
    histogram = merged(entry.response_times for entry in entries)
    requests = sum(entry.num_requests for entry in entries)
    return Evidence(
        requests=requests, failures=sum(entry.num_failures for entry in entries),
        requests_per_second=requests / end.seconds,
        p50_ms=percentile(histogram, 0.5), p95_ms=percentile(histogram, 0.95), p99_ms=percentile(histogram, 0.99),
        max_ms=max((entry.max_response_time for entry in entries), default=0.0),
        errors=end.errors, raised=end.raised, elsewhere=end.elsewhere, seconds=end.seconds,
        asked_per_second=plan.requests_per_second, build=target.build or plan.build, users=plan.users,
        generator_cpu=end.cpu, generator_late_ms=end.late_ms, raw=_raw(entries),
    )


def _raw(entries: list[_Entry]) -> dict[str, Any]:
    """The report by request name; a locustfile that makes up names without end does not fill the database."""
    largest = sorted(entries, key=lambda e: -e.num_requests)[:_NAMES_KEPT]
    return {"names": len(entries), "entries": [entry.model_dump(mode="json") for entry in largest]}


def _json(text: bytes) -> Any:
    if len(text) > _LARGEST:
        raise ValueError("too large")
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> float:
    raise ValueError(constant)
