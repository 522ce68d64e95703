"""What SDKs report: that they started, and what they counted."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from eastwind.arrivals import Bucket as Counted
from eastwind.arrivals import Instance
from eastwind.arrivals.model import begun
from eastwind.people import Token
from eastwind.web.unleash.auth import said

_MOST_TEXT = 200
AppName = Annotated[str, Field(min_length=1, max_length=_MOST_TEXT)]
Count = Annotated[int, Field(ge=0, le=10**15)]


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Toggle(_Report):
    """How often a flag was found on and off."""

    yes: Count = 0
    no: Count = 0
    variants: Mapping[str, Count] = Field(default_factory=dict)


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


class Registration(Client):
    """An SDK started."""

    strategies: tuple[str, ...] = ()


class Metrics(Client):
    """An SDK counted. The environment it names is not looked at: the token says which."""

    bucket: Bucket | None = None
    impact_metrics: tuple[Mapping[str, Any], ...] | None = None


class _Usage(_Report):
    feature_name: str
    app_name: str
    environment: str
    timestamp: datetime
    yes: Count = 0
    no: Count = 0
    variants: Mapping[str, Count] | None = None


class Bulk(_Report):
    """What Edge gathered from its own clients."""

    applications: tuple[Registration, ...] = Field(max_length=10_000)
    metrics: tuple[_Usage, ...] = Field(max_length=100_000)
    impact_metrics: tuple[Mapping[str, Any], ...] | None = None


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


def counted(bucket: Bucket, received: datetime) -> dict[str, Counted]:
    """Its counts by flag, with when they began. Raises nothing, whatever a clock elsewhere says."""
    began = begun(_aware(bucket.start), _aware(bucket.stop), received)
    return {flag[:_MOST_TEXT]: Counted(began, count.yes, count.no) for flag, count in bucket.toggles.items()}


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # not converted: year 9999 has no room for it
