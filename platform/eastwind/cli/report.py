"""An experiment's report on the terminal."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from eastwind.app import House
from eastwind.clock import now
from eastwind.errors import Message, NotFound, Problem, msg


def report_of(house: House, slug: str, environment: str) -> dict[str, Any]:
    """The report on the latest run, as JSON. Raises `NotFound` if it was never open there."""
    experiment = house.experiments.get(slug)
    run = experiment.runs.get(environment)
    if run is None:
        raise NotFound(Problem("environment", msg("{slug} was never open in {name}", slug=slug, name=environment)))
    report = house.analysis.report(experiment.manifest, run, now())
    told: dict[str, Any] = _plain(asdict(report)) | {"answer": str(report.answer)}
    told["sample_ratio"]["reason"] = str(report.sample_ratio.reason)
    for shown, metric in zip(told["metrics"], report.metrics, strict=True):
        shown["reason"] = str(metric.reason) if metric.reason else None
    return told


def show_report(console: Console, report: dict[str, Any]) -> None:
    """Print a report that came as JSON, from here or over the API."""
    units = report["units"]
    console.print(f"\n  [bold]{report['experiment']}[/] in {report['environment']}, {report['share']} % of customers: "
                  f"{units.get('treatment', 0)} treated, {units.get('control', 0)} control units", highlight=False)
    table = Table("metric", "treated", "control", "difference", "95 % interval", "", header_style="bold", box=None,
                  padding=(0, 2))
    for metric in report["metrics"]:
        table.add_row(*_row(metric))
    console.print(table)
    console.print(f"  {report['answer']}\n", highlight=False, markup=False)


def _row(metric: dict[str, Any]) -> tuple[str, ...]:
    share = metric["kind"] == "proportion"
    difference = metric["difference"]
    name = f"{metric['name']} *" if metric["role"] == "primary" else metric["name"]
    arms = (_figure(metric[arm]["value"], share) for arm in ("treatment", "control"))
    if difference is None:
        return (name, *arms, "–", "–", str(metric["reason"] or metric["verdict"]))
    interval = f"[{_figure(difference['low'], share, True)}, {_figure(difference['high'], share, True)}]"
    return (name, *arms, _figure(difference["estimate"], share, True), interval.replace("[", r"\["), metric["verdict"])


def _figure(value: float | None, share: bool, signed: bool = False) -> str:
    if value is None:
        return "–"
    sign = "+" if signed else ""
    return f"{value:{sign}.1%}" if share else f"{value:{sign}.1f}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, Message) else value
