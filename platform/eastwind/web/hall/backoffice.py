"""The hall's client of the back office: short waits, and `None` for "it is away", never an exception."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeVar

import requests

from eastwind.db import Database
from eastwind.errors import Problem, Unavailable, msg
from eastwind.host import store
from eastwind.settings import Settings
from eastwind.web.hall.patience import Impatient, Patience, Remembered

log = logging.getLogger(__name__)
T = TypeVar("T")

_TIMEOUT = (0.5, 0.5)  # seconds: to connect, and between two bytes
_BUDGET = 0.6  # seconds for the whole exchange, however slowly it drips
_FRESH = 1.0  # seconds that notices, which are the same for everybody, and the address are kept


@dataclass(frozen=True, slots=True)
class Notice:
    """One outage notice, in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Bill:
    """The bare amount: month as `YYYY-MM`, yuan."""

    month: str
    amount: float


class Backoffice:
    """Asks the utility's systems on behalf of the hall. Never raises; every answer may be None: away."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._patience = Patience("hall-backoffice", workers=settings.experiment_concurrency)
        self._session = requests.Session()
        self._session.trust_env = False
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=settings.experiment_concurrency)
        self._session.mount("http://", adapter)
        self._address = Remembered(self._read_address, _FRESH)
        self._notices = Remembered(self._read_notices, _FRESH)

    def notices(self) -> tuple[Notice, ...] | None:
        """All notices, at most a second old."""
        return self._ask(self._notices.get)

    def newest_bill(self, account: str) -> Bill | tuple[()] | None:
        """The newest bill; `()` if there is none yet."""
        return self._ask(lambda: _newest(self._get(f"/customers/{account}/bills")))

    def verify(self, account: str, pin: str) -> bool | None:
        """Whether the PIN is this account's; False for unknown accounts too."""
        return self._ask(lambda: self._verify(account, pin))

    def _ask(self, work: Callable[[], T]) -> T | None:
        try:
            return self._patience.wait(_BUDGET, work)
        except (Impatient, Unavailable, requests.RequestException) as error:
            log.warning("the back office did not answer: %s", error)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("the back office answered something else: %r", error)
        return None

    def _read_notices(self) -> tuple[Notice, ...]:
        return tuple(Notice(str(n["text"]), str(n["text_zh"])) for n in self._get("/notices")["notices"])

    def _verify(self, account: str, pin: str) -> bool:
        answer = self._session.post(f"{self._url()}/customers/{account}/verify", json={"pin": pin}, timeout=_TIMEOUT,
                                    allow_redirects=False)
        if answer.status_code in (403, 404):
            return False
        answer.raise_for_status()
        return answer.json()["verified"] is True

    def _get(self, path: str) -> Mapping[str, Any]:
        answer = self._session.get(f"{self._url()}{path}", timeout=_TIMEOUT, allow_redirects=False)
        answer.raise_for_status()
        found: Mapping[str, Any] = answer.json()
        return found

    def _url(self) -> str:
        return self._address.get_or_last()

    def _read_address(self) -> str:
        """The supervisor writes down where each process listens; without a database the last address serves."""
        with self._db.read() as tx:
            process = store.process(tx, "backoffice")
        if process is None or not process.port:
            raise Unavailable(Problem("backoffice", msg("the back office is not running")))
        return f"http://127.0.0.1:{process.port}"


def _newest(body: Mapping[str, Any]) -> Bill | tuple[()]:
    if not body["bills"]:
        return ()
    newest = body["bills"][-1]
    amount = float(newest["amount"])
    if not isfinite(amount):
        raise ValueError(amount)
    return Bill(str(newest["month"]), amount)
