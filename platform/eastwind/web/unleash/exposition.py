"""Prometheus' text format, written by hand: a few lines need no library."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eastwind.usage import Series

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its help and samples: (labels, value), and a suffix of the name where it has one."""

    name: str
    kind: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float, str], ...]


def single(name: str, kind: str, help_: str, value: float) -> Family:
    """A metric without labels."""
    return Family(name, kind, help_, (({}, value, ""),))


def by(label: str, name: str, kind: str, help_: str, values: Mapping[str, float]) -> Family:
    """A metric with one label."""
    return Family(name, kind, help_, tuple(({label: key}, value, "") for key, value in sorted(values.items())))


def text(families: Iterable[Family]) -> bytes:
    """All of them, each with its help and type."""
    lines: list[str] = []
    for family in families:
        lines += [f"# HELP {family.name} {_escaped(family.help, quotes=False)}", f"# TYPE {family.name} {family.kind}"]
        lines += [f"{family.name}{suffix}{_labels(labels)} {_figure(value)}"
                  for labels, value, suffix in family.samples]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def families(found: Iterable[Series]) -> list[Family]:
    """Series as services measured them, those of a name and kind together; `app` and `environment` say where."""
    grouped: dict[tuple[str, str], list[Series]] = {}
    for item in found:
        grouped.setdefault((_name(item.key.name), item.kind), []).append(item)
    return [Family(name, kind, items[0].help, tuple(s for item in items for s in _samples(item)))
            for (name, kind), items in grouped.items()]


def _samples(item: Series) -> list[tuple[Mapping[str, str], float, str]]:
    place = {"app": item.key.app, "environment": item.key.environment}
    labels = {_name(k): v for k, v in item.key.labels if k != "app"} | place
    if item.kind != "histogram":
        return [(labels, item.value, "")]
    bounds = [(labels | {"le": _figure(le)}, float(n), "_bucket") for le, n in item.buckets]
    return [*bounds, (labels, item.total, "_sum"), (labels, float(item.count), "_count")]


def _name(given: str) -> str:
    clean = _NOT_IN_NAMES.sub("_", given)
    return clean if not clean[:1].isdigit() else f"_{clean}"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{k}="{_escaped(v)}"' for k, v in labels.items()) + "}" if labels else ""


def _escaped(value: str, quotes: bool = True) -> str:
    plain = value.replace("\\", "\\\\").replace("\n", "\\n")
    return plain.replace('"', '\\"') if quotes else plain


def _figure(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
