"""A service for several workers: its `Flags` is made at import, and it answers pid and flag as JSON."""

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from eastwind_sdk import Flags

flags = Flags(os.environ["FLAGS_URL"], os.environ["FLAGS_TOKEN"], "shop", folder=os.environ["FLAGS_FOLDER"])


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    enabled = flags.is_enabled(environ["PATH_INFO"][1:], {"userId": "1"})
    body = json.dumps({"pid": os.getpid(), "enabled": enabled}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
