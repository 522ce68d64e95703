"""The jobs process: guards that look twice a second, reviews that wait to be run, folders that changed."""

import logging
import threading

from eastwind.app import House
from eastwind.experiments import load_folder
from eastwind.host import store as host
from eastwind.jobs import Heartbeats, Job, Lease, Reviews, run_until_signal
from eastwind.readiness.model import Target

_LOOK_AT_FOLDERS = 5.0  # seconds


def run(house: House) -> int:
    """Work until SIGTERM. Of several such processes one acts at a time."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop, lease = threading.Event(), Lease(house.db)
    reviews = Reviews(house.readiness, lambda slug: target_of(house, slug),
                      lambda count: house.grid.sample_accounts(count, house.settings.sample_seed),
                      house.settings.home, stop, owner=lease.owner, fence=lease.fence)
    run_until_signal((
        Job("guards", house.settings.guard_interval_ms / 1000, house.guards.tick),
        Job("reviews", 0.5, reviews.tick),
        # A build that changed on disk voids its evidence at once, before anybody restarts it.
        Job("folders", _LOOK_AT_FOLDERS, lambda: look_at_folders(house)),
    ), stop, lease, Heartbeats(house.db))
    return 0


def look_at_folders(house: House) -> None:
    """Take in what the experiments' folders say now."""
    house.experiments.declare(load_folder(house.settings.experiments_dir))


def target_of(house: House, slug: str) -> Target | None:
    """Where an experiment answers now; None while it is not up."""
    with house.db.read() as tx:
        process = host.experiment(tx, slug)
    if process is None or process.state != "up" or not process.port:
        return None
    return Target(f"http://127.0.0.1:{process.port}", process.key, process.build)
