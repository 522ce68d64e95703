"""Sentry in an experiment: each exception that reaches it is tagged and counted, with a DSN or without one."""

import os
import threading
from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk.feature_flags import add_feature_flag
from sentry_sdk.integrations.flask import FlaskIntegration

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

_lock = threading.Lock()
_counts = {"errors": 0, "requests": 0}


def start(release: str) -> None:
    """Starts Sentry for this process. Without SENTRY_DSN nothing is sent, and all is counted."""
    sentry_sdk.init(
        dsn=os.environ.get("SENTRY_DSN") or None,
        environment=os.environ.get("SENTRY_ENVIRONMENT") or None,
        release=release,
        integrations=[FlaskIntegration()],
        before_send=_before_send,
        send_default_pii=False,
        include_local_variables=False,  # a frame may hold what is a customer's own
        max_request_body_size="never",
        auto_session_tracking=False,
        shutdown_timeout=1,
    )


def tag(slug: str, flag: str, arm: str) -> None:
    """Marks the request under way: whatever it raises carries the flag, the experiment and the arm."""
    add_feature_flag(flag, True)
    sentry_sdk.set_tag("experiment", slug)
    sentry_sdk.set_tag("arm", arm)


def count_request() -> None:
    """One more customer's request."""
    with _lock:
        _counts["requests"] += 1


def counts() -> dict[str, int]:
    """`{"errors": n, "requests": n}` since this process started."""
    with _lock:
        return dict(_counts)


def _before_send(event: "Event", hint: "Hint") -> "Event":
    """Counts, and takes the platform's headers out. Called once for an error, before any sampling.

    It must return the event: for a dropped one Sentry forgets that it was seen, and the log record of the same
    exception would count again.
    """
    if "exc_info" in hint:
        with _lock:
            _counts["errors"] += 1
    headers: Any = event.get("request", {}).get("headers")
    for name in list(headers or ()):
        if name.lower().startswith("x-eastwind-"):
            del headers[name]
    return event
