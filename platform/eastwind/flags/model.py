"""Unleash's nouns. They read and write Unleash's JSON (camelCase), and refuse what would fail open.

A flag that is refused here can never poison an SDK: the shapes are as strict as the engine that evaluates them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from eastwind.errors import msg
from eastwind.flags.constraints import OPERATORS, constraint_problem

FEATURE_TYPES = ("release", "experiment", "operational", "kill-switch", "permission", "sunset")
WHOLE = 1000


def _as_text(value: Any) -> Any:
    # Scripts send {"rollout": 50}; the wire knows strings only, and a bare number would poison every SDK.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _not_dots(name: str) -> str:
    if name in (".", ".."):  # they would be folders in an address
        raise ValueError(msg("must not be . or .."))
    return name


def _one_part(name: str) -> str:
    if "/" in name:  # it would be two folders in an address
        raise ValueError(msg("must not hold a /"))
    return _not_dots(name)


# URL-safe, so that a name is its own address; ASCII only, so that no two look alike.
Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._~-]{1,100}$"), AfterValidator(_not_dots)]


# A place in an order, as every database can hold it.
Place = Annotated[int, Field(ge=-(2**31), lt=2**31)]


class Noun(BaseModel):
    """Base of the shapes: frozen, camelCase outside, unknown fields dropped (clients send more than they mean)."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    def wire(self) -> dict[str, Any]:
        """As JSON, with Unleash's names and without empty optional parts."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")


class Constraint(Noun):
    """A condition on one field of the context."""

    context_name: Annotated[str, Field(min_length=1, max_length=100)]
    operator: str
    values: tuple[Annotated[str, BeforeValidator(_as_text), Field(max_length=1000)], ...] = Field((), max_length=20_000)
    value: Annotated[str, BeforeValidator(_as_text), Field(max_length=1000)] | None = None
    inverted: bool = False
    case_insensitive: bool = False

    @field_validator("operator")
    @classmethod
    def _known(cls, operator: str) -> str:
        if operator not in OPERATORS:
            raise ValueError(msg("must be one of {choices}", choices=", ".join(OPERATORS)))
        return operator

    @model_validator(mode="after")
    def _never_fails_open(self) -> "Constraint":
        problem = constraint_problem(self.operator, self.values, self.value, self.inverted)
        if problem:
            raise ValueError(problem)
        return self


class Payload(Noun):
    """What a variant carries. `value` is always text on the wire."""

    type: Literal["string", "json", "csv", "number"]
    value: Annotated[str, Field(max_length=100_000)]


class Override(Noun):
    """Context values that always get a variant."""

    context_name: Annotated[str, Field(min_length=1, max_length=100)]
    values: tuple[str, ...]


class Variant(Noun):
    """One arm of a flag; weights are in thousandths."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    weight: Annotated[int, Field(ge=0, le=WHOLE)]
    weight_type: Literal["fix", "variable"] = "variable"
    stickiness: Annotated[str, Field(min_length=1, max_length=100)] = "default"
    payload: Payload | None = None
    overrides: tuple[Override, ...] | None = None


class Strategy(Noun):
    """One way in. Without `disabled`, being let in by any strategy is enough."""

    id: str = ""
    name: Annotated[str, Field(min_length=1, max_length=100)]
    title: Annotated[str, Field(max_length=200)] | None = None
    parameters: Mapping[str, Annotated[str, BeforeValidator(_as_text), Field(max_length=100_000)]] = Field(
        default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    segments: tuple[int, ...] = ()
    variants: tuple[Variant, ...] = ()
    disabled: bool = False
    sort_order: Place = 0

    @field_validator("parameters")
    @classmethod
    def _whole_percent(cls, parameters: Mapping[str, str]) -> Mapping[str, str]:
        for name in ("rollout", "percentage"):
            text = parameters.get(name, "0")
            if not (text.isascii() and text.isdigit() and int(text) <= 100):
                raise ValueError(msg("{name} must be a whole number from 0 to 100; smaller shares need a ladder",
                                     name=name))
        return parameters


class Tag(Noun):
    """A word put on a feature, of some type: `team:billing`."""

    type: Name
    value: Annotated[str, Field(min_length=1, max_length=100)]

    def __str__(self) -> str:
        return f"{self.type}:{self.value}"


class TagType(Noun):
    """A kind of tag."""

    name: Name
    description: Annotated[str, Field(max_length=1000)] = ""
    icon: Annotated[str, Field(max_length=100)] | None = None
    color: Annotated[str, Field(max_length=20)] | None = None


class LegalValue(Noun):
    """A value that a field of the context usually has."""

    value: Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=1000)] = ""


class ContextField(Noun):
    """A field of the context: what constraints can name, and shares can be drawn by."""

    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_one_part)]
    description: Annotated[str, Field(max_length=1000)] = ""
    stickiness: bool = False
    sort_order: Place = 10
    legal_values: tuple[LegalValue, ...] = Field(default=(), max_length=1000)


class Dependency(Noun):
    """A parent: the child is on only where the parent is (and shows one of `variants`)."""

    feature: Name
    enabled: bool = True
    variants: tuple[str, ...] = ()


class FeatureEnvironment(Noun):
    """A feature's state in one environment."""

    environment: str
    enabled: bool = False
    strategies: tuple[Strategy, ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def active(self) -> tuple[Strategy, ...]:
        """The strategies that count."""
        return tuple(s for s in self.strategies if not s.disabled)


class Feature(Noun):
    """A flag, with its state in every environment it has one in."""

    name: Name
    project: str = "default"
    type: Literal["release", "experiment", "operational", "kill-switch", "permission", "sunset"] = "release"
    description: Annotated[str, Field(max_length=1000)] = ""
    stale: bool = False
    impression_data: bool = False
    created_at: datetime | None = None
    archived_at: datetime | None = None
    completed_at: datetime | None = None
    completed_status: Literal["", "kept", "discarded"] = ""
    completed_value: Annotated[str, Field(max_length=100)] = ""
    tags: tuple[Tag, ...] = Field(default=(), max_length=100)
    dependencies: tuple[Dependency, ...] = ()
    environments: Mapping[str, FeatureEnvironment] = Field(default_factory=dict)

    def at(self, environment: str) -> FeatureEnvironment:
        """The state in `environment`; off and empty where there is none."""
        return self.environments.get(environment) or FeatureEnvironment(environment=environment)

    def with_state(self, state: FeatureEnvironment) -> "Feature":
        """This feature with one environment's state replaced."""
        return self.model_copy(update={"environments": {**self.environments, state.environment: state}})


class Segment(Noun):
    """Constraints with a name, shared by strategies."""

    id: int = 0
    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=1000)] = ""
    project: str | None = None
    constraints: tuple[Constraint, ...] = ()


class Environment(Noun):
    """Where a flag is evaluated. In those of type production, the readiness gate holds."""

    name: Name
    type: Literal["development", "test", "preproduction", "production"] = "development"
    enabled: bool = True
    sort_order: Place = 0


class Project(Noun):
    """A team's set of features."""

    id: Name
    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=1000)] = ""
