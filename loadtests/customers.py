"""Locust users that stand for customers of an experiment, as the platform would bring them.

Each user asks once a second, so the number of users is the offered load in requests per second. From the
environment: EASTWIND_EXPERIMENT_KEY, the experiment's key, and EASTWIND_LOAD_ACCOUNTS, a file with one account
number on each line. An answer that a customer could not be shown counts as a failure, whatever its status.
"""

import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from geventhttpclient.client import HTTPClientPool
from locust import FastHttpUser, events

LARGEST_ANSWER: Final = 256 * 1024
CONNECTIONS: Final = 16
TIMEOUT: Final = 5.0  # seconds


def read_accounts(path: Path) -> tuple[str, ...]:
    """One account on each line; an empty file is refused, for it would test nothing."""
    found = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    if not found:
        raise SystemExit(f"{path}: no accounts to visit")
    return found


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set")
    return value


KEY: Final = _setting("EASTWIND_EXPERIMENT_KEY")
ACCOUNTS: Final = read_accounts(Path(_setting("EASTWIND_LOAD_ACCOUNTS")))
TALLY: Final[Counter[str]] = Counter()


class Customer(FastHttpUser):
    """One request a second, each for another customer. Subclasses say what is visited, with `visit`."""

    abstract = True
    # The platform comes over few connections, not over one for each customer; a wait for one counts as latency.
    client_pool = HTTPClientPool(concurrency=CONNECTIONS, connection_timeout=TIMEOUT, network_timeout=TIMEOUT)

    def on_start(self) -> None:
        """Begins somewhere within the second: users in step would measure a queue of their own making.

        Locust's `constant_throughput` takes such a delay back with its first wait, hence the pace kept here.
        """
        self._due = time.perf_counter() + random.random()  # noqa: S311
        time.sleep(max(0.0, self._due - time.perf_counter()))  # Locust has made this sleep give way

    def wait_time(self) -> float:
        """Seconds until the next request is due: one a second, however long the answers take."""
        now = time.perf_counter()
        self._due = max(self._due + 1.0, now)
        return self._due - now

    def visit(self, path: str) -> None:
        """Opens a page of the experiment as a random customer and judges the answer."""
        with self.client.get(path, headers=headers(random.choice(ACCOUNTS)), catch_response=True) as answer:  # noqa: S311
            problem = unfit(answer.status_code, answer.headers or {}, answer.content or b"")
            if problem:
                answer.failure(problem)


def headers(account: str) -> dict[str, str]:
    """What the platform tells an experiment about a request."""
    return {
        "X-Eastwind-Key": KEY,
        "X-Eastwind-Customer": account,
        "X-Eastwind-Arm": "treatment",
        "X-Eastwind-Channel": "web",
        "X-Eastwind-Language": random.choice(("en", "zh")),  # noqa: S311
        "X-Eastwind-Request-Id": f"load-{random.getrandbits(48):012x}",
    }


def unfit(status: int, head: Any, body: bytes) -> str | None:
    """Why this answer cannot be shown to a customer; None when it can."""
    if status != 200:
        return f"status {status}" if status else "no answer"
    if not str(head.get("content-type", "")).startswith("text/html"):
        return "not HTML"
    if not 0 < len(body) <= LARGEST_ANSWER:
        return "empty" if not body else "larger than 256 kB"
    return None


def _count(exception: BaseException | None = None, **_: Any) -> None:
    TALLY[str(exception) if exception else "fit to show"] += 1


def _tell(**_: Any) -> None:
    """The last line of a run: how many answers of each kind."""
    print("answers:", ", ".join(f"{number} {kind}" for kind, number in TALLY.most_common()) or "none", flush=True)


events.request.add_listener(_count)  # type: ignore[no-untyped-call]
events.quitting.add_listener(_tell)  # type: ignore[no-untyped-call]
