"""The console as people have it: a real server, real experiment processes, real jobs, and a real browser."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from waitress.server import create_server

from eastwind import settings as configuration
from eastwind.app import House, build, create_app
from eastwind.audit import SYSTEM
from eastwind.cli.first_start import prepare
from eastwind.experiments.manifest import load_folder
from eastwind.host import store as processes
from eastwind.host.launch import programs
from eastwind.host.supervisor import Supervisor
from eastwind.jobs import Job, Reviews, run
from eastwind.readiness import Target

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "wind-from-the-east"
PEOPLE = {"lin": "innovator", "chen": "manager", "wu": "operator"}
SLUG = "outage-lookup"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--no-first-run", "--disable-dev-shm-usage")


@dataclass
class Platform:
    """A running platform with one good and one broken experiment folder."""

    house: House
    url: str
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def experiment_url(self) -> str:
        return f"{self.url}/experiments/{SLUG}"


def a_house(folder: Path) -> House:
    """The rooms over a fresh database: 4,000 customers, a good experiment, a broken one, three people."""
    home = folder / "home"
    shutil.copytree(ROOT / "config", home / "config")
    shutil.copytree(ROOT / "loadtests", home / "loadtests")
    shutil.copytree(ROOT / "experiments" / SLUG, home / "experiments" / SLUG)
    broken = home / "experiments" / "broken-one"
    broken.mkdir()
    (broken / "experiment.toml").write_text('slug = "broken-one"\nunit = "street"\n', encoding="utf-8")
    house = build(configuration.load({
        "EASTWIND_DATA_DIR": str(folder / "var"), "EASTWIND_CUSTOMERS": "4000"}, home))
    prepare(house)
    for name, role in PEOPLE.items():
        house.people.add_user(name, PASSWORD, role, SYSTEM)
    return house


@contextmanager
def a_platform(folder: Path) -> Iterator[Platform]:
    """Start it all: processes under the supervisor, jobs and web in threads. Ends it all."""
    house = a_house(folder)
    folders = load_folder(house.settings.experiments_dir)
    kept = [p for p in programs(folders) if p.kind in ("backoffice", "experiment")]
    supervisor = Supervisor(house.settings, house.db, kept)
    server = create_server(create_app(house), host="127.0.0.1", port=0, threads=16)
    made = Platform(house, f"http://127.0.0.1:{server.effective_port}")
    threads = [threading.Thread(target=work, daemon=True) for work in (
        supervisor.run, server.run, lambda: run(_jobs(made), made.stop))]
    for thread in threads:
        thread.start()
    wait(lambda: _target(house, SLUG) is not None)
    try:
        yield made
    finally:
        made.stop.set()
        supervisor.stop()
        house.publisher.stop()
        house.arrivals.stop()
        server.close()
        threads[0].join(6)
        threads[2].join(6)


def _jobs(platform: Platform) -> list[Job]:
    house = platform.house
    reviews = Reviews(house.readiness, lambda slug: _target(house, slug),
                      lambda count: house.grid.sample_accounts(count, 1), house.settings.home, platform.stop)
    return [Job("guards", 0.3, house.guards.tick), Job("reviews", 0.3, reviews.tick)]


def _target(house: House, slug: str) -> Target | None:
    with house.db.read() as tx:
        found = processes.experiment(tx, slug)
    up = found is not None and found.state == "up"
    return Target(f"http://127.0.0.1:{found.port}", found.key, found.build) if found and up else None


def wait(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    """Until `is_so`, or fail."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def launch(playwright: Playwright) -> Browser:
    """A headless Chromium: `EASTWIND_CHROMIUM`, one on the PATH, or Playwright's own."""
    own = Path(playwright.chromium.executable_path)
    on_path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    found = os.environ.get("EASTWIND_CHROMIUM") or on_path or (str(own) if own.exists() else None)
    assert found, ("no Chromium was found: install it (`apt-get install chromium`, or `.venv/bin/playwright install "
                   "chromium`), or set EASTWIND_CHROMIUM to where it is")
    return playwright.chromium.launch(executable_path=found, args=list(_FLAGS))


def sign_in(context: BrowserContext, platform: Platform, name: str, path: str = "/") -> Page:
    """A page on which `name` has signed in and gone to `path`."""
    page = context.new_page()
    page.set_default_timeout(8000)
    page.goto(platform.url + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(platform.url + path)
    return page


def scrolls_sideways(page: Page) -> bool:
    """Whether the page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
