"""The utility's own systems, as an experiment sees them: read only, quick or not at all."""

import json
from functools import cache
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from eastwind_sdk import place
from eastwind_sdk.errors import BackofficeNotFound, BackofficeTimeout, BackofficeUnavailable

TIMEOUT = 0.5  # seconds to connect, and again to wait for each part of the answer
MOST_BYTES = 1024 * 1024


class Backoffice:
    """A pooled client. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc between us
        self._session.mount("http", HTTPAdapter(pool_connections=1, pool_maxsize=16))

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """The JSON object at `path`. Raises a `BackofficeError`, never anything else."""
        try:
            with self._session.get(
                self._url + path, params=params, timeout=TIMEOUT, stream=True, allow_redirects=False
            ) as answer:
                body = answer.raw.read(MOST_BYTES + 1, decode_content=True)
                return _understood(answer.status_code, body)
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise BackofficeTimeout(f"no answer in {TIMEOUT} s") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as problem:
            # Without the path and the cause: both hold the customer's account, and this goes to Sentry and the log.
            raise BackofficeUnavailable(type(problem).__name__) from None


@cache
def backoffice() -> Backoffice:
    """The client for the back office that the platform gave this experiment."""
    return Backoffice(place.backoffice_url())


def _understood(status: int, body: bytes) -> dict[str, Any]:
    if status == 404:
        raise BackofficeNotFound("there is no such thing")
    if status != 200:
        raise BackofficeUnavailable(f"answered {status}")
    try:
        content = json.loads(body) if len(body) <= MOST_BYTES else None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise BackofficeUnavailable(f"not a JSON object of at most {MOST_BYTES} bytes")
    return content
