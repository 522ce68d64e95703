"""`python -m eastwind_sdk.watch`: a service elsewhere, as the platform sees it.

It runs the official UnleashClient and prints one JSON line for the first known state of a flag and for each
change: `{"at": 1700000000.123, "flag": "outage-lookup", "enabled": true}`. `at` is seconds since the epoch.
"""

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from UnleashClient import UnleashClient  # type: ignore[attr-defined]
from UnleashClient.events import UnleashEventType

GLANCE = 0.01  # seconds between two looks: what this adds to a measured delay


def main(arguments: list[str]) -> int:
    """Watches until SIGTERM or Ctrl-C."""
    options = _options(arguments)
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="eastwind-watch-") as cache:
        known = threading.Event()
        client = _client(options, cache, known)
        client.initialize_client()
        context = dict(pair.split("=", 1) for pair in options.context)
        watch(lambda: bool(client.is_enabled(options.flag, context)), options.flag, known, stop)
        client.destroy()
    return 0


def watch(is_enabled: Callable[[], bool], flag: str, known: threading.Event, stop: threading.Event) -> None:
    """Prints the first state once it is `known`, then each change, until `stop`."""
    while not known.is_set():
        if stop.wait(GLANCE):
            return
    last = None
    while not stop.is_set():
        enabled = is_enabled()
        if enabled != last:
            print(json.dumps({"at": time.time(), "flag": flag, "enabled": enabled}), flush=True)
            last = enabled
        stop.wait(GLANCE)


def _client(options: argparse.Namespace, cache: str, known: threading.Event) -> Any:
    def on_event(event: Any) -> None:
        if event.event_type == UnleashEventType.READY:
            known.set()

    return UnleashClient(
        url=f"{options.url.rstrip('/')}/api",
        app_name=options.app,
        instance_id=options.instance,
        custom_headers={"Authorization": options.token},
        refresh_interval=options.interval,
        disable_metrics=True,  # a hundred looks a second would say nothing about customers
        cache_directory=cache,
        event_callback=on_event,
        experimental_mode={"type": options.mode},
    )


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m eastwind_sdk.watch", description="Print each change of a flag.")
    parser.add_argument("--url", required=True, help="the platform's address, without /api")
    parser.add_argument("--token", required=True, help="a backend token")
    parser.add_argument("--flag", required=True)
    parser.add_argument("--mode", choices=("polling", "streaming"), default="polling")
    parser.add_argument("--interval", type=int, default=1, help="seconds between two polls")
    parser.add_argument("--app", default="eastwind-watch", help="the name it registers under")
    parser.add_argument("--instance", default=f"watch-{time.time_ns():x}")
    parser.add_argument("--context", action="append", default=[], metavar="KEY=VALUE", type=_pair)
    return parser.parse_args(arguments)


def _pair(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
