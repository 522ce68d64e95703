"""The one-way grid export: four CSV files and a note of what they are."""

import csv
import json
from pathlib import Path

from backoffice.build import build
from backoffice.model import Row, Sample

NOTE = "sample.json"


def export(sample: Sample, folder: Path) -> None:
    """Writes stations, feeders, transformers and customers, then the note: who finds it finds the rest whole.

    The note names an account with its PIN on a feeder that is down, and one where nothing is known.
    """
    _write(folder / "stations.csv", ("id", "name", "bureau"), sample.stations)
    _write(folder / "feeders.csv", ("id", "name", "station_id"), sample.feeders)
    _write(folder / "transformers.csv", ("id", "name", "feeder_id", "kva"), sample.transformers)
    columns = ("account", "transformer_id", "tariff", "bureau", "channel")
    _write(folder / "customers.csv", columns, [(r[0], r[4], r[3], r[5], r[6]) for r in sample.customers])
    note = {
        "build": build(),
        "seed": sample.seed,
        "at": sample.at.isoformat(),
        "customers": len(sample.customers),
        "examples": examples(sample),
    }
    draft = folder / f"{NOTE}.draft"
    draft.write_text(json.dumps(note, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    draft.replace(folder / NOTE)


def examples(sample: Sample) -> dict[str, dict[str, str]]:
    """`{"outage": {account, pin}, "no_outage": {…}}`: someone to sign in as; a case nobody has is left out."""
    feeder_of = {row[0]: row[2] for row in sample.transformers}
    down = {row[1] for row in sample.outages if row[0] == "fault" and row[2] is None}
    struck = {row[1] for row in sample.outages}
    found: dict[str, dict[str, str]] = {}
    for row in sample.customers:
        feeder = feeder_of[row[4]]
        case = "outage" if feeder in down else "no_outage" if feeder not in struck else None
        if case and case not in found:
            found[case] = {"account": str(row[0]), "pin": str(row[7])[-6:]}
    return found


def _write(path: Path, header: tuple[str, ...], rows: list[Row]) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(header)
        out.writerows(rows)
    draft.replace(path)
