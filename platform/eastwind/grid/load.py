"""Read a grid export and check all of it: every wrong row is named before anything is replaced."""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from eastwind.errors import Invalid, Message, Problem, msg
from eastwind.grid.model import KINDS, Kind

Row = dict[str, Any]
Export = dict[str, list[Row]]

MOST_PROBLEMS = 100
_LONGEST = 100
_MOST_KVA = 10_000_000.0
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def load(folder: Path) -> Export:
    """The checked rows of an export by file name; keys are unique and every parent exists.

    Files are UTF-8 (with or without a byte order mark) or GB 18030, with a header whose columns may be in any order.
    Raises `Invalid` naming file, line and column of up to 100 problems, and how many more there are.
    """
    export: Export = {}
    keys: dict[str, set[str]] = {}
    problems: list[Problem] = []
    for kind in KINDS:
        try:
            rows = _rows(kind, _text(folder, kind.file))
        except Invalid as error:
            problems.extend(error.problems)
            continue
        found = list(_problems(kind, rows, keys.get(kind.parent)))
        keys[kind.file] = {row[kind.columns[0]] for row in rows.values()}
        problems.extend(found)
        export[kind.file] = list(rows.values())
    _refuse(problems)
    return export


def _refuse(problems: list[Problem]) -> None:
    more = len(problems) - MOST_PROBLEMS
    if more > 0:
        problems = [*problems[:MOST_PROBLEMS], Problem("", msg("and {count} more problems", count=more))]
    if problems:
        raise Invalid(*problems)


def _text(folder: Path, name: str) -> str:
    try:
        raw = (folder / name).read_bytes()
    except FileNotFoundError:
        raise Invalid(Problem(name, msg("is missing"))) from None
    except OSError as error:
        raise Invalid(Problem(name, msg("cannot be read: {detail}", detail=error.strerror))) from error
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.removeprefix(codecs.BOM_UTF8).decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid(Problem(name, msg("is neither UTF-8 nor GB 18030 text")))


def _rows(kind: Kind, text: str) -> dict[int, Row]:
    """Rows by their line in the file. Raises `Invalid` for what makes the file unreadable as this kind."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(kind, header)
        rows = dict((reader.line_num, cells) for cells in reader if cells)  # noqa: C402 - the line number moves on
    except csv.Error as error:
        raise Invalid(Problem(f"{kind.file}.{reader.line_num}", msg("is not valid CSV: {detail}",
                                                                    detail=error))) from error
    if not rows:
        raise Invalid(Problem(kind.file, msg("has no rows")))
    uneven = [Problem(f"{kind.file}.{line}", msg("must have {count} columns, not {found}", count=len(header),
                                                found=len(cells)))
              for line, cells in rows.items() if len(cells) != len(header)]
    if uneven:
        raise Invalid(*uneven)
    return {line: dict(zip(header, cells, strict=True)) for line, cells in rows.items()}


def _check_header(kind: Kind, header: list[str]) -> None:
    missing = [Problem(f"{kind.file}.{name}", msg("is missing")) for name in kind.columns if name not in header]
    unknown = [Problem(f"{kind.file}.{name[:_LONGEST]}", msg("is not known here"))
               for name in header if name not in kind.columns]
    twice = [Problem(f"{kind.file}.{name}", msg("is there twice")) for name in kind.columns if header.count(name) > 1]
    if missing or unknown or twice:
        raise Invalid(*missing, *unknown, *twice)


def _problems(kind: Kind, rows: Mapping[int, Row], parents: Collection[str] | None) -> Iterator[Problem]:
    """Every wrong field; turns kva into a number. `parents` is None when their file could not be read."""
    first: dict[str, int] = {}
    key = kind.columns[0]
    for line, row in rows.items():
        for name in kind.columns:
            reason = _kva(row) if name == "kva" else _text_problem(row[name])
            if reason:
                yield Problem(f"{kind.file}.{line}.{name}", reason)
        earlier = first.setdefault(row[key], line)
        if earlier != line:
            yield Problem(f"{kind.file}.{line}.{key}", msg("{value} is already in line {line}", value=_short(row[key]),
                                                          line=earlier))
        if kind.link and parents is not None and row[kind.link] not in parents:
            yield Problem(f"{kind.file}.{line}.{kind.link}", msg("there is no {value} in {file}", file=kind.parent,
                                                                value=_short(row[kind.link])))


def _text_problem(value: str) -> Message | None:
    if not 1 <= len(value) <= _LONGEST or value != value.strip():
        return msg("must have 1 to {most} characters, without spaces around", most=_LONGEST)
    return msg("must not hold control characters") if _CONTROL.search(value) else None


def _kva(row: Row) -> Message | None:
    try:
        row["kva"] = float(row["kva"])
    except ValueError:
        return msg("must be a number, not {value}", value=_short(row["kva"]))
    return None if 0 < row["kva"] <= _MOST_KVA else msg("must be greater than 0 and at most {most}", most=_MOST_KVA)


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:40]}…"
