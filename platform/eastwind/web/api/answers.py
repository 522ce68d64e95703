"""What callers get back. Read off the rooms' models by name; sentences come in the caller's language."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from eastwind.errors import Message
from eastwind.web.language import language, say


def _said(value: Any) -> Any:
    return say(value) if isinstance(value, Message) else value


Said = Annotated[str, BeforeValidator(_said)]
Percent = Annotated[float, BeforeValidator(float)]


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class ProblemAnswer(_Answer):
    """What is wrong with one field; `field` is a dotted path, or empty for the whole."""

    field: str
    reason: Said


class RunAnswer(_Answer):
    """One period in which the experiment was open. Shares in percent of all customers."""

    id: int
    experiment: str
    environment: str
    is_open: bool
    share: Percent
    peak_share: Percent
    pilots: tuple[str, ...]
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str
    close_reason: Said | None
    rolled_back: bool


class MetricAnswer(_Answer):
    """A metric as the manifest declares it."""

    name: str
    role: str
    kind: str
    better: str
    hard_limit: int | None
    alpha: float | None
    margin: float


class ExperimentAnswer(_Answer):
    """What a folder declared, and the latest run in each environment."""

    slug: str
    name: str
    service: str
    owner: str
    hypothesis: str
    flag: str
    unit: str
    sunset: str
    build: str
    metrics: tuple[MetricAnswer, ...]
    problems: tuple[ProblemAnswer, ...]
    runs: Mapping[str, RunAnswer]

    @classmethod
    def of(cls, found: Any) -> "ExperimentAnswer":
        """From an `Experiment`."""
        manifest = found.manifest
        return cls.model_validate({
            "slug": found.slug, "build": found.build, "problems": found.problems, "runs": found.runs,
            "name": manifest.name.in_language(language()), "service": manifest.service, "owner": manifest.owner,
            "hypothesis": manifest.hypothesis.strip(), "flag": manifest.flag, "unit": manifest.unit,
            "sunset": manifest.sunset.isoformat(), "metrics": manifest.metrics})


class ExperimentsAnswer(_Answer):
    """All experiments by slug."""

    experiments: tuple[ExperimentAnswer, ...]


class EvidenceAnswer(_Answer):
    """What a review measured. Times in ms."""

    requests: int
    failures: int
    requests_per_second: float
    asked_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    seconds: float
    users: int
    build: str
    errors: tuple[tuple[str, int], ...]


class ProgressAnswer(_Answer):
    """How far a running review is."""

    phase: str
    elapsed: float
    seconds: float
    users: int
    requests: int
    failures: int
    requests_per_second: float
    p95_ms: float


class ReviewAnswer(_Answer):
    """A readiness review from being asked for to its verdict."""

    id: int
    experiment: str
    environment: str
    share: Percent
    build: str
    state: str
    reasons: tuple[Said, ...]
    progress: ProgressAnswer | None
    evidence: EvidenceAnswer | None
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    voided_at: datetime | None


class ClosedAnswer(_Answer):
    """`closed_now` is false if nothing was open; `run` is then the last one there was, if any."""

    closed_now: bool
    run: RunAnswer | None


class ArmAnswer(_Answer):
    """One arm of a metric: how many units, and their share (0 to 1) or mean."""

    units: int
    value: float | None


class IntervalAnswer(_Answer):
    """An estimate with its 95 % interval."""

    estimate: float
    low: float
    high: float


class MetricResultAnswer(_Answer):
    """Treatment against control in one metric; without a difference, `reason` says why there is none."""

    name: str
    role: str
    kind: str
    better: str
    treatment: ArmAnswer
    control: ArmAnswer
    verdict: str
    difference: IntervalAnswer | None
    relative: IntervalAnswer | None
    p_value: float | None
    reason: Said | None


class SampleRatioAnswer(_Answer):
    """Whether the arms have the sizes that the share makes."""

    kind: str
    reason: Said
    expected: float | None
    p_value: float | None


class ReportAnswer(_Answer):
    """The report on the latest run in an environment."""

    experiment: str
    environment: str
    run: int
    at: datetime
    opened_at: datetime
    closed_at: datetime | None
    share: Percent
    units: Mapping[str, int]
    crossed: int
    pilots: int
    sample_ratio: SampleRatioAnswer
    metrics: tuple[MetricResultAnswer, ...]
    answer: Said


class ArrivalAnswer(_Answer):
    """How far a change got with one SDK instance. Delivered says it holds the change, obeyed that it acts by it."""

    app: str
    instance: str
    connection: str
    sdk: str
    transport: str
    delivered_at: datetime | None
    obeyed: bool | None
    last_seen: datetime


class ArrivalsAnswer(_Answer):
    """The opening of the latest run, and its close if it is closed, each with every SDK instance."""

    run: int
    opened: tuple[ArrivalAnswer, ...]
    closed: tuple[ArrivalAnswer, ...] | None


class GuardAnswer(_Answer):
    """The latest decision on a metric in a run."""

    run: int
    metric: str
    kind: str
    reason: Said
    at: datetime


class BreachAnswer(_Answer):
    """A rollback by a guard."""

    run: int
    environment: str
    metric: str
    reason: Said
    at: datetime


class GuardsAnswer(_Answer):
    """What the guards see now, and what they did. `last_looked_at` is of any guard, anywhere."""

    guards: tuple[GuardAnswer, ...]
    breaches: tuple[BreachAnswer, ...]
    last_looked_at: datetime | None


class RefusedAnswer(_Answer):
    """An event that was set aside: its place in the batch, the field, and why."""

    index: int
    field: str
    reason: str


class AcceptedAnswer(_Answer):
    """What became of a batch. Repeated events had arrived before and count once."""

    accepted: int
    repeated: int
    refused: tuple[RefusedAnswer, ...]


class EventAnswer(_Answer):
    """One act in the audit trail."""

    id: int
    at: datetime
    actor: str
    act: str
    room: str
    subject: str
    environment: str
    project: str
    before: Any
    after: Any
    previous: str
    hash: str


class TrailAnswer(_Answer):
    """The newest events first."""

    events: tuple[EventAnswer, ...]


class ProblemBody(BaseModel):
    """Every error: `application/problem+json`."""

    type: str = Field(examples=["urn:eastwind:invalid"])
    title: str
    status: int
    problems: tuple[ProblemAnswer, ...]
