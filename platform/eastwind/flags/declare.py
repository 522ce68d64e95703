"""Flags declared as code. A declaration makes what is missing and never undoes a live state.

    features:
      - name: paperless-bill
        type: release
        description: Offer the bill by e-mail
        environments:
          development: {enabled: true, strategies: [{name: flexibleRollout, parameters: {rollout: 100}}]}

So a rollback survives a restart: what exists is left as it is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, Field

from eastwind.audit import Actor
from eastwind.errors import EastwindError, Invalid, NotFound, Problem, msg
from eastwind.flags.model import Dependency, Feature, FeatureEnvironment, Name, Noun, Strategy, Variant
from eastwind.flags.service import Flags
from eastwind.validation import checked

_LARGEST = 1024 * 1024
_ACTOR = Actor("system", "declaration")


class _State(Noun):
    model_config = ConfigDict(extra="forbid")
    enabled: bool = False
    strategies: tuple[Strategy, ...] = ()
    variants: tuple[Variant, ...] = ()


class _Declared(Noun):
    model_config = ConfigDict(extra="forbid")
    name: Name
    project: str = "default"
    type: str = "release"
    description: str = ""
    impression_data: bool = False
    dependencies: tuple[Dependency, ...] = ()
    environments: Mapping[str, _State] = Field(default_factory=dict)


class _File(Noun):
    model_config = ConfigDict(extra="forbid")
    features: tuple[_Declared, ...] = ()


def declare_folder(flags: Flags, folder: Path) -> list[Problem]:
    """Make what `*.yaml` in `folder` declares and is missing. A bad file is named and leaves the others be."""
    problems: list[Problem] = []
    for file in sorted(folder.glob("*.yaml")) if folder.is_dir() else []:
        try:
            for item in checked(_File, _read(file), file.name).features:
                declare(flags, item)
        except EastwindError as error:
            problems += error.problems
    return problems


def declare(flags: Flags, item: _Declared) -> None:
    """Make one feature with its states, unless its name exists."""
    try:
        flags.feature(item.name)
        return
    except NotFound:
        pass
    about = item.model_dump(exclude={"environments"})
    flags.create(checked(Feature, about, item.name), _ACTOR)
    for name, state in item.environments.items():
        placed = tuple(s.model_copy(update={"id": str(n)}) for n, s in enumerate(state.strategies))
        flags.set_state(item.name, FeatureEnvironment(environment=name, enabled=state.enabled, strategies=placed,
                                                      variants=state.variants), _ACTOR)


class _NoAliases(yaml.SafeLoader):
    """YAML without aliases: a few hundred bytes of them can unfold to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)


def _read(file: Path) -> Any:
    if file.stat().st_size > _LARGEST:
        raise Invalid(Problem(file.name, msg("is larger than {most} bytes", most=_LARGEST)))
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_NoAliases) or {}  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(Problem(file.name, msg("is not valid YAML: {detail}", detail=error))) from error
