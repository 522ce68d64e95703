"""Importing the grid, and looking up customers in it."""

import random
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

from eastwind.audit import Actor, record
from eastwind.clock import Clock, now
from eastwind.db import Connection, Database
from eastwind.grid import store
from eastwind.grid.load import load
from eastwind.grid.model import GridCounts, GridCustomer


class Grid:
    """Stations, feeders, transformers and customers, as last imported."""

    def __init__(self, db: Database, clock: Clock = now) -> None:
        self._db, self._clock = db, clock

    def import_folder(self, path: Path, actor: Actor) -> GridCounts:
        """Replace the whole grid by the CSV export in `path`, in one transaction with one audit event.

        Raises `Invalid` naming file, line and column of every problem (the first 100), and then nothing has changed.
        """
        export = load(path)
        with self._db.write() as tx:
            before = store.counts(tx)
            counts = store.replace(tx, export, self._clock())
            record(tx, actor, "grid-imported", room="grid", subject="grid", before=before.as_json(),
                   after=counts.as_json(), at=self._clock())
        return counts

    def counts(self) -> GridCounts:
        """How many of each there are; zeros before the first import."""
        with self._db.read() as tx:
            return store.counts(tx)

    def population(self, tx: Connection | None = None) -> int:
        """How many customers there are. One indexed row, whatever the size of the grid."""
        with nullcontext(tx) if tx is not None else self._db.read() as work:
            return store.counts(work).customers

    def customer(self, account: str) -> GridCustomer | None:
        """The customer with this account, with their path through the grid."""
        if not account.isprintable():  # PostgreSQL cannot even compare with NUL or half a surrogate pair
            return None
        with self._db.read() as tx:
            return store.customer_by_account(tx, account)

    def sample_accounts(self, n: int, seed: int) -> list[str]:
        """`n` different accounts (or all, if there are fewer), spread evenly along the grid; the same for a seed.

        One is drawn from each of `n` equal stretches of the list ordered by transformer, and then they are shuffled.
        """
        draw = random.Random(seed)  # noqa: S311 - a reproducible sample, not a secret
        with self._db.read() as tx:
            total = store.counts(tx).customers
            n = min(n, total)
            edges = [place * total // n for place in range(n + 1)] if n > 0 else [0]
            places = [draw.randrange(low, high) for low, high in pairwise(edges)]
            found = list(store.accounts_at(tx, places)) if places else []
        draw.shuffle(found)
        return found
