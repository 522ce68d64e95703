"""What `eastwind_sdk.Flags` adds to the official UnleashClient: `python benchmarks/sdk.py`.

Both ask for the same flag of the same hundred, in turns within one run (A B A B …). Each line is a median of rounds;
the ratio is what counts, the rates move with the machine.
"""

import json
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import sentry_sdk
from UnleashClient import UnleashClient

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "platform"))

from eastwind_sdk import Flags

ROUNDS, CALLS, FLAG = 21, 4000, "bench-0050"
CUSTOMERS = [{"userId": f"01{n:08d}", "channel": "web"} for n in range(2000)]


def document() -> bytes:
    """A hundred flags at half of all customers, with two constraints each."""
    constraints = [{"contextName": "userId", "operator": "NOT_IN", "values": ["1", "2", "3"]},
                   {"contextName": "channel", "operator": "IN", "values": ["web", "wechat"]}]
    return json.dumps({"version": 2, "features": [
        {"name": f"bench-{n:04d}", "type": "release", "project": "default", "enabled": True, "strategies": [
            {"name": "flexibleRollout", "constraints": constraints,
             "parameters": {"rollout": "50", "stickiness": "userId", "groupId": f"bench-{n:04d}"}}]}
        for n in range(100)]}).encode()


class Platform(BaseHTTPRequestHandler):
    """As much of a server as both clients need."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, document())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(202, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def microseconds(ask: Callable[[dict[str, str]], Any]) -> float:
    """One call, over a round of many."""
    customers = cycle(CUSTOMERS)
    began = time.perf_counter()
    for _ in range(CALLS):
        ask(next(customers))
    return (time.perf_counter() - began) / CALLS * 1e6


def compare(name: str, official: Callable[[Any], Any], ours: Callable[[Any], Any]) -> None:
    """Prints both medians and their ratio."""
    rounds = [(microseconds(official), microseconds(ours)) for _ in range(ROUNDS)]
    one, other = (median(column) for column in zip(*rounds, strict=True))
    ratio = median(b / a for a, b in rounds)
    print(f"{name:52} {one:8.1f} {other:8.1f}   {ratio:5.3f}")


def main() -> None:
    """Runs all comparisons."""
    logging.disable(logging.CRITICAL)
    with ThreadingHTTPServer(("127.0.0.1", 0), Platform) as server, tempfile.TemporaryDirectory() as folder:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        client = UnleashClient(f"{url}/api", "bench", cache_directory=f"{folder}/official",
                               custom_headers={"Authorization": "token"}, refresh_interval=600, metrics_interval=600)
        client.initialize_client()
        flags = Flags(url, "token", "bench", mode="polling", folder=folder, refresh=600, report=600, capacity=1_000_000)
        assert flags.is_enabled(FLAG, CUSTOMERS[0]) == client.is_enabled(FLAG, CUSTOMERS[0])

        def official(who: dict[str, str]) -> bool:
            return client.is_enabled(FLAG, who)

        print(f"{'is_enabled, microseconds':52} {'official':>8} {'ours':>8}   ratio")
        compare("the answer alone", official, lambda who: flags.is_enabled(FLAG, who))
        compare("with exposures of 2,000 customers", official,
                lambda who: flags.is_enabled(FLAG, who, experiment="bench"))
        sentry_sdk.init(default_integrations=False)
        compare("with Sentry", official, lambda who: flags.is_enabled(FLAG, who))
        compare("with Sentry and exposures", official, lambda who: flags.is_enabled(FLAG, who, experiment="bench"))
        strangers = iter(range(10**9))
        compare("with Sentry and exposures, everybody for the first time", official,
                lambda who: flags.is_enabled(FLAG, who, experiment="bench", unit=f"s{next(strangers)}"))
        print(f"exposures dropped: {flags.dropped}")
        flags.close()
        client.destroy()


if __name__ == "__main__":
    main()
