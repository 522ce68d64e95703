"""What SDKs report: that they started, and what they counted."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from eastwind.arrivals import Instance
from eastwind.arrivals.model import begun
from eastwind.errors import Invalid
from eastwind.people import Token
from eastwind.usage import Metric, Sample
from eastwind.validation import checked, problems
from eastwind.web.unleash.auth import said
from eastwind.web.unleash.body import parsed

_MOST_TEXT = 200
_KNOWN_ANYWAY = ("appName", "environment")  # SDKs add them; the report and the token say them
_MOST_LABEL, _MOST_LABELS = 100, 10
AppName = Annotated[str, Field(min_length=1, max_length=_MOST_TEXT)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Figure = Annotated[float, Field(allow_inf_nan=False, ge=-1e100, le=1e100)]


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Toggle(_Report):
    """How often a flag was found on and off."""

    yes: Count = 0
    no: Count = 0
    variants: Annotated[Mapping[str, Count], Field(max_length=1000)] | None = None


class Bucket(_Report):
    """Counts of a stretch of time."""

    start: datetime
    stop: datetime
    toggles: Mapping[str, Toggle] = Field(max_length=10_000)


class Client(_Report):
    """What every report says of its sender."""

    app_name: AppName
    instance_id: str | None = None
    connection_id: str | None = None
    sdk_version: str | None = None


class _Bound(_Report):
    le: Figure | Literal["+Inf"]
    count: Count


class _Sample(_Report):
    """Of a counter since the last report, of a gauge now, or of a histogram."""

    labels: Mapping[str, str] | None = None
    value: Figure = 0.0
    count: Count = 0
    sum: Figure = 0.0
    buckets: tuple[_Bound, ...] = Field((), max_length=100)


class _Metric(_Report):
    """A name with its samples."""

    name: Annotated[str, Field(min_length=1, max_length=_MOST_TEXT)]
    help: Annotated[str, Field(max_length=1000)] = ""
    type: Literal["counter", "gauge", "histogram"]
    samples: tuple[_Sample, ...] = Field((), max_length=1000)


Measured = Annotated[tuple[_Metric, ...], Field(max_length=1000)]


class Registration(Client):
    """An SDK started."""

    environment: str | None = None
    strategies: tuple[str, ...] = ()


class Metrics(Client):
    """An SDK counted. The environment it names is not looked at: the token says which."""

    bucket: Bucket | None = None
    impact_metrics: Measured | None = None


class _Usage(Toggle):
    """Counts of one flag that one application made."""

    feature_name: str
    app_name: AppName
    environment: str
    timestamp: datetime


class Bulk(_Report):
    """What Edge gathered from its own clients."""

    applications: tuple[Registration, ...] = Field(max_length=10_000)
    metrics: tuple[_Usage, ...] = Field(max_length=100_000)
    impact_metrics: Measured | None = None


Report = TypeVar("Report", bound=_Report)


def read(shape: type[Report], raw: bytes) -> Report:
    """A report from its JSON. Raises `Invalid`, also for characters that no database keeps."""
    if b"\\u" in raw:  # escapes could hide those; without any, valid UTF-8 has none
        return checked(shape, parsed(raw))
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        raise Invalid(*problems(error)) from error


def asker(environ: Mapping[str, Any], token: Token, client: Client | None = None) -> Instance | None:
    """Who asks, by its headers or else by its report; None if it does not say."""
    app = said(environ, "UNLEASH_APPNAME") or (client.app_name if client else "")
    instance = said(environ, "UNLEASH_INSTANCEID") or (client.instance_id if client else None) or ""
    connection = said(environ, "UNLEASH_CONNECTION_ID") or (client.connection_id if client else None) or ""
    return _instance(token, app, instance, connection)


def behind_edge(token: Token, client: Client) -> Instance | None:
    """Who reports through Edge, whose own headers say nothing of it."""
    return _instance(token, client.app_name, client.instance_id or "", client.connection_id or "")


def _instance(token: Token, app: str, instance: str, connection: str) -> Instance | None:
    if not (app and (instance or connection)):
        return None
    return Instance(token.environment, app[:_MOST_TEXT], instance[:_MOST_TEXT], connection[:_MOST_TEXT])


def sdk(environ: Mapping[str, Any], client: Client | None = None) -> str:
    """The SDK and its version, as it says."""
    return ((client.sdk_version if client else None) or said(environ, "UNLEASH_SDK"))[:_MOST_TEXT]


def measured(found: Iterable[_Metric]) -> list[Metric]:
    """Series as usage keeps them. Labels beyond ten, and the ends of long ones, are cut off."""
    return [Metric(m.name, m.type, m.help, tuple(map(_sample, m.samples))) for m in found]


def _sample(found: _Sample) -> Sample:
    labels = tuple(sorted((k[:_MOST_LABEL], v[:_MOST_LABEL]) for k, v in (found.labels or {}).items()
                          if k not in _KNOWN_ANYWAY))[:_MOST_LABELS]
    bounds = sorted((math.inf if b.le == "+Inf" else b.le, b.count) for b in found.buckets)
    return Sample(labels, found.value, found.count, found.sum, tuple(bounds))


def began(bucket: Bucket, received: datetime) -> datetime:
    """When a bucket began. Raises nothing, whatever a clock elsewhere says."""
    return begun(aware(bucket.start), aware(bucket.stop), received)


def aware(moment: datetime) -> datetime:
    """A moment with a time zone; UTC if it has none."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # not converted: year 9999 has no room for it
