"""What an experiment says of itself: its folder's `experiment.toml`, checked field by field.

A manifest is written by people who are not here when it is read. So nothing in it raises past `load_folder`, every
wrong field is named in one go, and one bad folder never hides its neighbours.
"""

import hashlib
import re
import stat
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from eastwind import validation
from eastwind.errors import Invalid, Message, Problem, msg

MAX_MANIFEST_BYTES = 256 * 1024
MAX_FOLDER_BYTES = 64 * 1024 * 1024
MAX_FOLDER_FILES = 5_000
REQUIRED_FILES = ("app.py", "locustfile.py")


def _text(pattern: str, reason: Message) -> AfterValidator:
    """Without control characters: it is shown in lists, and PostgreSQL stores no NUL."""
    expected = re.compile(pattern)

    def check(value: str) -> str:
        if not expected.fullmatch(value) or not value.strip():
            raise ValueError(reason)
        return value

    return AfterValidator(check)


Line = Annotated[str, Field(max_length=200), _text(r"[^\x00-\x1f\x7f]*", msg("must be one line of text, not empty"))]
Prose = Annotated[str, Field(max_length=4000), _text(r"[^\x00-\x08\x0b-\x1f\x7f]*", msg("must be text, not empty"))]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,40}$")]
FlagName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._~-]{1,100}$")]
MetricName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,40}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Names(_Strict):
    """What people call it. Chinese falls back to English."""

    en: Line
    zh: Line | None = None

    def in_language(self, language: str) -> str:
        """The name in `language` ("en" or "zh…")."""
        return self.zh if self.zh and language.startswith("zh") else self.en


class Load(_Strict):
    """The load one customer puts on the back end at peak, and what must hold under it."""

    requests_per_customer_per_second: float = Field(gt=0, le=100)
    p95_ms: float = Field(gt=0, le=60_000)
    max_error_ratio: float = Field(ge=0, lt=1)


class Metric(_Strict):
    """One thing that is counted per unit in both arms.

    `hard_limit` is how many treated units may show it; `margin` is how much worse than control is tolerated, in the
    metric's own unit (0.02 of a share is two percentage points).
    """

    name: MetricName
    role: Literal["primary", "guardrail"]
    kind: Literal["proportion", "mean"]
    better: Literal["lower", "higher"]
    hard_limit: int | None = Field(None, ge=1, le=1_000_000_000)
    alpha: float | None = Field(None, gt=0, le=0.5)
    margin: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _a_limit_counts_harm(self) -> "Metric":
        if self.hard_limit is not None and (self.kind, self.better) != ("proportion", "lower"):
            raise ValueError(msg("a hard limit counts harmed units: it needs a proportion of which lower is better"))
        return self


class Manifest(_Strict):
    """A checked `experiment.toml`. `sunset` is the last day; shares of customers are not in here."""

    slug: Slug
    name: Names
    service: Literal["outages", "bill"]
    owner: Line
    hypothesis: Prose
    flag: FlagName
    unit: Literal["customer", "transformer", "feeder"] = "customer"
    sunset: date
    backend: Line = "backoffice"
    load: Load
    metrics: Annotated[tuple[Metric, ...], Field(strict=False, min_length=1, max_length=20)]

    @property
    def primary(self) -> Metric:
        """The metric the experiment is judged by."""
        return next(m for m in self.metrics if m.role == "primary")

    @property
    def guardrails(self) -> tuple[Metric, ...]:
        """The metrics that may close it."""
        return tuple(m for m in self.metrics if m.role == "guardrail")


@dataclass(frozen=True, slots=True)
class Loaded:
    """One folder under experiments/: its manifest, or what is wrong with it. `build` is "" if unreadable."""

    slug: str
    path: Path
    build: str
    manifest: Manifest | None
    problems: tuple[Problem, ...] = ()


def load_folder(path: Path) -> list[Loaded]:
    """Every experiment under `path`, by name. Never raises; a folder that is not there holds none."""
    try:
        folders = sorted(p for p in path.iterdir() if p.name[0] not in "._" and p.is_dir())
    except OSError:
        return []
    return [load_one(folder) for folder in folders]


def load_one(folder: Path) -> Loaded:
    """The experiment in `folder`. Never raises: whatever is wrong is in `problems`."""
    slug = folder.name.encode("utf-8", "replace").decode()
    problems: list[Problem] = []
    build, manifest = "", None
    try:
        build = build_digest(folder)
    except Invalid as error:
        problems.extend(error.problems)
    try:
        manifest = parse(folder)
    except Invalid as error:
        problems.extend(error.problems)
    distinct = tuple(p for i, p in enumerate(problems) if p not in problems[:i])
    return Loaded(slug, folder, build, None if problems else manifest, distinct)


def parse(folder: Path) -> Manifest:
    """The manifest of `folder`. Raises `Invalid` naming every wrong field and missing file."""
    raw = _read_toml(folder / "experiment.toml")
    problems, manifest = list(_cross_check(raw, folder)), None
    try:
        manifest = Manifest.model_validate({"flag": raw.get("slug"), **raw})
    except ValidationError as error:
        # An absent flag takes the slug's value: a wrong slug is one mistake, not two.
        problems = [p for p in validation.problems(error) if p.field != "flag" or "flag" in raw] + problems
    if manifest is None or problems:
        raise Invalid(*problems)
    return manifest


def build_digest(folder: Path) -> str:
    """SHA-256 (64 hex digits) over every shipped file's path and bytes.

    Left out: caches, compiled files and dotfiles. Raises `Invalid` for a link, a device, an unreadable file, or a
    folder too large to be shipped: what is not in the digest could change behind a review's back.
    """
    digest = hashlib.sha256()
    try:
        total = 0
        for count, (name, file, size) in enumerate(_shipped(folder), 1):
            total += size
            if count > MAX_FOLDER_FILES or total > MAX_FOLDER_BYTES:
                raise _invalid("", msg("the folder is too large: at most {files} files and {mb} MB",
                                       files=MAX_FOLDER_FILES, mb=MAX_FOLDER_BYTES // 1024 ** 2))
            # Lengths first: no two different folders may give the same stream of bytes.
            digest.update(f"{len(name)}:{size}:".encode() + name)
            with file.open("rb") as content:
                hashed = hashlib.file_digest(content, "sha256")
            digest.update(hashed.digest())
    except OSError as error:
        raise _invalid(_relative(folder, error), msg("cannot be read: {detail}", detail=error.strerror)) from error
    return digest.hexdigest()


def _shipped(folder: Path) -> list[tuple[bytes, Path, int]]:
    files = [(str(p.relative_to(folder)).encode("utf-8", "surrogateescape"), p, size) for p, size in _walk(folder)]
    return sorted(files, key=lambda f: f[0])


def _walk(folder: Path) -> Iterator[tuple[Path, int]]:
    if folder.is_symlink():
        raise _invalid("", msg("is a link; links are refused"))
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.name == "__pycache__" or entry.suffix == ".pyc":
            continue
        info = entry.lstat()
        if stat.S_ISDIR(info.st_mode):
            yield from _walk(entry)
        elif stat.S_ISREG(info.st_mode):
            yield entry, info.st_size
        else:
            raise _invalid(entry.name, msg("is not a plain file; links and devices are refused"))


def _read_toml(file: Path) -> dict[str, Any]:
    name = file.name
    try:
        info = file.lstat()
        if not stat.S_ISREG(info.st_mode):
            raise _invalid(name, msg("is not a plain file; links and devices are refused"))
        if info.st_size > MAX_MANIFEST_BYTES:
            raise _invalid(name, msg("is larger than {kb} kB", kb=MAX_MANIFEST_BYTES // 1024))
        return tomllib.loads(file.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise _invalid(name, msg("is missing")) from None
    except OSError as error:
        raise _invalid(name, msg("cannot be read: {detail}", detail=error.strerror)) from error
    except UnicodeDecodeError:
        raise _invalid(name, msg("is not UTF-8 text")) from None
    except (ValueError, RecursionError) as error:
        raise _invalid(name, msg("is not valid TOML: {detail}", detail=str(error)[:200])) from None


def _cross_check(raw: Mapping[str, Any], folder: Path) -> Iterator[Problem]:
    """What no single field can know. Reads the raw data, so that it speaks even when some field is wrong."""
    if isinstance(raw.get("slug"), str) and raw["slug"] != folder.name:
        yield Problem("slug", msg("must be the folder's name, {folder}", folder=folder.name))
    if raw.get("flag") in (".", ".."):
        yield Problem("flag", msg("must not be a path"))
    yield from _cross_check_metrics(raw.get("metrics"))
    for file in REQUIRED_FILES:
        if not (folder / file).is_file():
            yield Problem(file, msg("is missing"))


def _cross_check_metrics(raw: Any) -> Iterator[Problem]:
    metrics = [m if isinstance(m, Mapping) else {} for m in raw] if isinstance(raw, list) else []
    primaries = sum(m.get("role") == "primary" for m in metrics)
    if metrics and primaries != 1:
        yield Problem("metrics", msg("exactly one must have the role primary, not {count}", count=primaries))
    names = Counter(m["name"] for m in metrics if isinstance(m.get("name"), str))
    for index, metric in enumerate(metrics):
        name = metric.get("name")
        if isinstance(name, str) and names[name] > 1:
            yield Problem(f"metrics.{index}.name", msg("is used more than once: {name}", name=name[:60]))


def _invalid(field: str, reason: Message) -> Invalid:
    return Invalid(Problem(field, reason))


def _relative(folder: Path, error: OSError) -> str:
    path = Path(str(error.filename or folder))
    return str(path.relative_to(folder)) if path != folder and path.is_relative_to(folder) else ""
