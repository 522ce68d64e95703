"""Customers in the hall, over HTTP and in a phone-sized browser, with real processes behind it that are killed, hang
and lie."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from eastwind.app import build, create_app
from eastwind.audit import Actor
from eastwind.clock import now
from eastwind.db.migrate import upgrade
from eastwind.errors import msg
from eastwind.experiments import load_folder
from eastwind.exposures.store import exposure
from eastwind.host import store
from eastwind.host.launch import Launch, experiment_program, free_port, prepare, start
from eastwind.host.model import Process
from eastwind.outcomes.store import outcome
from eastwind.settings import Settings, load, secret_key
from eastwind.web.hall import enter_token

ROOT = Path(__file__).resolve().parents[2]
TEAM = Actor("user", "lin")
PLACE = "development"  # free of the gate: what is tested here is what customers see
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
                 if (found := shutil.which(name))), None)


# -- the town ---------------------------------------------------------------------------------------


def answers(url: str, headers: dict[str, str], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if requests.get(url, headers=headers, timeout=1).status_code == 200:
                return
        except requests.RequestException:
            pass
        assert time.monotonic() < deadline, url
        time.sleep(0.05)


def launched(launch: Launch) -> subprocess.Popen[bytes]:
    process = start(launch)
    threading.Thread(target=lambda: process.stdout and process.stdout.read(), daemon=True).start()
    answers(f"http://127.0.0.1:{launch.port}{launch.health}", {"X-Eastwind-Key": launch.key})
    return process


def ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)


@pytest.fixture(scope="module")
def utility(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A real back office with 300 customers: its folder and its port."""
    folder, port = tmp_path_factory.mktemp("utility"), free_port()
    run = [sys.executable, "-P", "-m", "backoffice"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "platform")}
    subprocess.run([*run, "sample", "--customers", "300", "--out", folder], env=env, check=True, timeout=60,
                   capture_output=True)
    server = subprocess.Popen([*run, "serve", "--data", folder, "--port", str(port)], env=env,
                              stdout=subprocess.DEVNULL)
    answers(f"http://127.0.0.1:{port}/health", {})
    yield folder, port
    ended(server)


Shipped = dict[str, tuple[Launch, subprocess.Popen[bytes]]]


@pytest.fixture(scope="module")
def lasting() -> Iterator[Shipped]:
    """Experiment processes that no test harms, started when first asked for."""
    shipped: Shipped = {}
    yield shipped
    for _, process in shipped.values():
        ended(process)


class Town:
    """The platform with its hall, over one database, and the experiment processes it calls."""

    def __init__(self, settings: Settings, utility: tuple[Path, int], lasting: Shipped) -> None:
        self.settings, (self.folder, self.backoffice_port), self.lasting = settings, utility, lasting
        self.house = build(settings)
        self.db, self.grid, self.experiments = self.house.db, self.house.grid, self.house.experiments
        upgrade(self.db)
        self.house.flags.ensure_defaults()
        self.grid.import_folder(self.folder, TEAM)
        self.experiments.declare(load_folder(ROOT / "experiments"))
        self.harmed: Shipped = {}
        self.up("backoffice", "backoffice", self.backoffice_port, "")
        self.app = create_app(self.house)
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}/hall"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def up(self, name: str, kind: str, port: int, key: str, slug: str = "") -> None:
        with self.db.write() as tx:
            store.save(tx, Process(name, kind, slug, "up", now(), port=port, key=key))  # type: ignore[arg-type]

    def ship(self, slug: str, to_be_harmed: bool = False) -> Launch:
        shipped = self.harmed if to_be_harmed else self.lasting
        if slug not in shipped:
            loaded = next(e for e in load_folder(ROOT / "experiments") if e.slug == slug)
            launch = prepare(experiment_program(loaded), self.settings, self.backoffice_port)
            shipped[slug] = launch, launched(launch)
        launch = shipped[slug][0]
        self.up(f"experiment-{slug}", "experiment", launch.port, launch.key, slug)
        return launch

    def open(self, slug: str, share: str, pilots: tuple[str, ...] = ()) -> int:
        run = self.experiments.open(slug, PLACE, Decimal(share), TEAM, pilots).id
        self.house.publisher.refresh()
        return run

    def accounts(self, slug: str, arm: str) -> list[str]:
        experiment = self.experiments.get(slug)
        people = [self.grid.customer(a) for a in self.grid.sample_accounts(300, 1)]
        return [p.account for p in people if p and self.house.arms.of(experiment, PLACE, p, "web").name == arm]

    def visitor(self, account: str, language: str = "en") -> requests.Session:
        session = requests.Session()
        session.headers["Accept-Language"] = language
        answer = session.get(f"{self.url}/enter", params={"token": enter_token(secret_key(self.settings), account)})
        assert answer.status_code == 200
        return session

    def seen(self, unit: str) -> list[str]:
        with self.db.read() as tx:
            return [r.arm for r in tx.execute(select(exposure).where(exposure.c.unit == unit))]

    def outcomes(self, unit: str) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        with self.db.read() as tx:
            for row in tx.execute(select(outcome).where(outcome.c.unit == unit)):
                found.setdefault(row.metric, []).append(row.value)
        return found

    def close(self) -> None:
        self.server.shutdown()
        self.house.publisher.stop()
        self.house.arrivals.stop()
        for _, process in self.harmed.values():
            ended(process)
        self.db.close()


@pytest.fixture
def town(tmp_path: Path, utility: tuple[Path, int], lasting: Shipped) -> Iterator[Town]:
    settings = replace(load({}, home=ROOT), data_dir=tmp_path / "var", hall_environment=PLACE)
    town = Town(settings, utility, lasting)
    yield town
    town.close()


def press(session: requests.Session, page: requests.Response, action: str, **values: str) -> requests.Response:
    """Send the form of `page` whose address ends with `action`."""
    form = next(f for f in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f'action="/hall{action}"' in f)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    return session.post(page.url.split("/hall")[0] + "/hall" + action, data=hidden | values)


# -- arms -------------------------------------------------------------------------------------------


def test_hall__both_arms__each_sees_its_way_and_is_recorded(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "50")
    treated, control = town.accounts("outage-lookup", "treatment")[0], town.accounts("outage-lookup", "control")[0]
    new = town.visitor(treated).get(f"{town.url}/outages")
    assert new.status_code == 200 and 'id="outage-title"' in new.text and "Leave the trial" in new.text
    old = town.visitor(control).get(f"{town.url}/outages")
    assert old.status_code == 200 and "Outage notices" in old.text and "95598" in old.text
    assert "on trial" not in old.text and 'id="outage-title"' not in old.text
    assert town.seen(treated) == ["treatment"] and town.seen(control) == ["control"]
    assert town.outcomes(treated)["found_answer"] == [1] and town.outcomes(treated)["error"] == [0]
    assert town.outcomes(control)["error"] == [0] and town.outcomes(control)["failed_first_contact"] == [0]
    assert town.outcomes(control)["latency_ms"][0] > 0


def test_hall__nothing_open__todays_way_unrecorded(town: Town) -> None:
    account = town.grid.sample_accounts(1, 1)[0]
    bill = town.visitor(account).get(f"{town.url}/bill")
    assert bill.status_code == 200 and re.search(r"¥\d+\.\d\d", bill.text)
    assert town.seen(account) == [] and town.outcomes(account) == {}


def test_hall__todays_way_from_the_new_one__is_not_a_second_contact(town: Town) -> None:
    town.ship("bill-explainer")
    town.open("bill-explainer", "100")
    account = town.grid.sample_accounts(1, 1)[0]
    visitor = town.visitor(account)
    assert "By tariff" in visitor.get(f"{town.url}/bill").text
    old = visitor.get(f"{town.url}/bill?way=today")
    assert "Your newest bill" in old.text and "Try the new way" in old.text and "By tariff" not in old.text
    assert town.seen(account) == ["treatment"] and len(town.outcomes(account)["latency_ms"]) == 1


def test_hall__leave__is_back_on_todays_way_for_good(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "100")
    account = town.grid.sample_accounts(1, 1)[0]
    visitor = town.visitor(account)
    page = visitor.get(f"{town.url}/outages")
    left = press(visitor, page, "/leave")
    assert left.status_code == 200 and "You have left the trial" in left.text and "Outage notices" in left.text
    again = town.visitor(account).get(f"{town.url}/outages")
    assert "Outage notices" in again.text and "Try the new way" not in again.text
    assert town.seen(account) == ["treatment"] and len(town.outcomes(account)["latency_ms"]) == 1


def test_hall__pilot__sees_it_at_a_tiny_share(town: Town) -> None:
    town.ship("outage-lookup")
    account = town.grid.sample_accounts(1, 7)[0]
    town.open("outage-lookup", "0.001", pilots=(account,))
    assert "Leave the trial" in town.visitor(account).get(f"{town.url}/outages").text
    assert town.seen(account) == ["pilot"]


def test_hall__closed__next_request_is_todays_way(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "100")
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    assert "Leave the trial" in visitor.get(f"{town.url}/outages").text
    town.experiments.close("outage-lookup", PLACE, msg("enough"), TEAM)
    time.sleep(0.3)
    assert "Outage notices" in visitor.get(f"{town.url}/outages").text


def test_hall__chinese__all_the_way_into_the_experiment(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "100")
    page = town.visitor(town.grid.sample_accounts(1, 1)[0], "zh-CN").get(f"{town.url}/outages")
    assert '<html lang="zh-Hans">' in page.text and "您家停电了吗" in page.text


def test_hall__language_switch__stays(town: Town) -> None:
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    page = press(visitor, visitor.get(f"{town.url}/"), "/language", language="zh")
    assert '<html lang="zh-Hans">' in page.text
    assert '<html lang="zh-Hans">' in visitor.get(f"{town.url}/bill").text


# -- what customers tell us -------------------------------------------------------------------------


def test_hall__feedback__is_recorded_once_per_tap(town: Town) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "100")
    glad, sad = town.grid.sample_accounts(2, 1)
    for account, answer, words in ((glad, "yes", "glad"), (sad, "no", "sorry")):
        visitor = town.visitor(account)
        page = visitor.get(f"{town.url}/outages")
        thanks = press(visitor, page, "/outages/helped", answer=answer)
        assert thanks.status_code == 200 and words in thanks.text
        visitor.get(thanks.url)  # reloading the answer's page tells nothing twice
    assert town.outcomes(glad)["helped"] == [1] and town.outcomes(sad)["helped"] == [0]
    assert town.outcomes(sad)["failed_first_contact"] == [0]
    called = press(visitor, page, "/outages/call")
    assert 'href="tel:95598"' in called.text and town.outcomes(sad)["hotline_call"] == [1]


@pytest.mark.parametrize("answer", ["", "perhaps", "yes\x00"])
def test_hall__bad_answer__is_refused(town: Town, answer: str) -> None:
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    assert press(visitor, visitor.get(f"{town.url}/bill"), "/bill/helped", answer=answer).status_code == 400


def test_hall__form_without_its_token__is_refused(town: Town) -> None:
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    assert visitor.post(f"{town.url}/leave", data={"service": "bill"}).status_code == 400
    assert visitor.post(f"{town.url}/bill/helped", data={"answer": "yes"}).status_code == 400


# -- experiments that are lost ----------------------------------------------------------------------


def lost(town: Town, service: str, account: str) -> None:
    """The customer gets today's way, in time, and it counts as an error of the treatment."""
    began = time.monotonic()
    page = town.visitor(account).get(f"{town.url}/{service}")
    assert page.status_code == 200 and time.monotonic() - began < 2
    assert "Outage notices" in page.text and "Leave the trial" not in page.text
    assert town.seen(account) == ["treatment"]
    assert town.outcomes(account)["error"] == [1] and town.outcomes(account)["failed_first_contact"] == [1]


@pytest.mark.parametrize("kind", ["error", "hang", "flood", "memory"])
def test_hall__drill__is_todays_way_in_time_and_an_error(town: Town, kind: str) -> None:
    launch = town.ship("outage-lookup", to_be_harmed=True)
    town.open("outage-lookup", "100")
    requests.post(f"http://127.0.0.1:{launch.port}/_eastwind/drill", json={"kind": kind}, timeout=5,
                  headers={"X-Eastwind-Key": launch.key}).raise_for_status()
    lost(town, "outages", town.grid.sample_accounts(1, 1)[0])


def test_hall__killed__is_todays_way_in_time_and_an_error(town: Town) -> None:
    town.ship("outage-lookup", to_be_harmed=True)
    town.open("outage-lookup", "100")
    first, second = town.grid.sample_accounts(2, 1)
    assert "Leave the trial" in town.visitor(first).get(f"{town.url}/outages").text
    town.harmed["outage-lookup"][1].send_signal(signal.SIGKILL)
    lost(town, "outages", second)


def test_hall__stopped__is_todays_way_in_time_and_an_error(town: Town) -> None:
    town.ship("outage-lookup", to_be_harmed=True)
    town.open("outage-lookup", "100")
    town.harmed["outage-lookup"][1].send_signal(signal.SIGSTOP)
    lost(town, "outages", town.grid.sample_accounts(1, 1)[0])


@pytest.mark.parametrize("said", [
    b"\x00\xff rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n \n ",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n\xff\xfe"])
def test_hall__rubbish__is_todays_way_in_time_and_an_error(town: Town, said: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(said)
        connection.close()

    threading.Thread(target=answer, daemon=True).start()
    town.up("experiment-outage-lookup", "experiment", listener.getsockname()[1], "k", "outage-lookup")
    town.open("outage-lookup", "100")
    lost(town, "outages", town.grid.sample_accounts(1, 1)[0])
    listener.close()


def test_hall__html_that_swallows_the_page__leaves_the_way_back(town: Town) -> None:
    body = b"<script>alert(1)</script><!-- <textarea>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Eastwind-Outcomes: {\"helped\": 1, \"big\": 1e300}\r\n"
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    threading.Thread(target=answer, daemon=True).start()
    town.up("experiment-outage-lookup", "experiment", listener.getsockname()[1], "k", "outage-lookup")
    town.open("outage-lookup", "100")
    account = town.grid.sample_accounts(1, 1)[0]
    page = town.visitor(account).get(f"{town.url}/outages")
    assert 0 < page.text.index("way=today") < page.text.index("<script>")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    # Neither its say in what we measure ourselves, nor a number that cannot be summed, gets on record.
    assert town.seen(account) == ["treatment"] and {"helped", "big"}.isdisjoint(town.outcomes(account))
    listener.close()


# -- the platform's own parts are lost --------------------------------------------------------------


def test_hall__back_office_away__says_whom_to_call(town: Town) -> None:
    town.up("backoffice", "backoffice", free_port(), "")
    town.open("outage-lookup", "0.001", pilots=())
    account = town.accounts("outage-lookup", "control")[0]
    visitor = town.visitor(account)
    for service in ("outages", "bill"):
        page = visitor.get(f"{town.url}/{service}")
        assert page.status_code == 200 and "We cannot look this up" in page.text and "tel:95598" in page.text
    assert town.outcomes(account)["error"] == [1]
    signed = requests.Session()
    answer = press(signed, signed.get(f"{town.url}/sign-in"), "/sign-in", account=account, pin="123456")
    assert answer.status_code == 200 and "cannot check your PIN" in answer.text


def test_hall__database_locked__page_goes_out_in_time_and_the_contact_is_kept(town: Town) -> None:
    town.open("outage-lookup", "0.001")
    account = town.accounts("outage-lookup", "control")[0]
    visitor = town.visitor(account)
    with town.db.write():
        began = time.monotonic()
        page = visitor.get(f"{town.url}/outages")
        assert page.status_code == 200 and "Outage notices" in page.text and time.monotonic() - began < 2
        assert town.seen(account) == []
    deadline = time.monotonic() + 3
    while not town.seen(account) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert town.seen(account) == ["control"]


@pytest.mark.parametrize("table", ["exposure", "experiment", "experiment_run", "experiment_leaver", "customer"])
def test_hall__database_broken__is_served_all_the_same(town: Town, table: str) -> None:
    town.ship("outage-lookup")
    town.open("outage-lookup", "100")
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    visitor.get(f"{town.url}/outages")
    with town.db.write() as tx:
        tx.exec_driver_sql(f"ALTER TABLE {_table(town, table)} RENAME TO gone")
    time.sleep(1.1)  # longer than anything is remembered
    for path in ("/", "/outages", "/bill", "/outages/thanks", "/hotline"):
        began = time.monotonic()
        page = visitor.get(town.url + path)
        assert page.status_code == 200 and "95598" in page.text and time.monotonic() - began < 2
    answer = press(visitor, visitor.get(f"{town.url}/outages"), "/outages/call")
    assert answer.status_code == 200 and "tel:95598" in answer.text
    assert (town.app.extensions["hall"].lost > 0) == (table == "exposure")


def _table(town: Town, name: str) -> str:
    from eastwind.db import metadata
    return next(t for t in metadata.tables if t in (name, f"grid_{name}"))


# -- signing in -------------------------------------------------------------------------------------


def test_hall__account_and_pin__lets_in_and_goes_where_one_wanted(town: Town) -> None:
    known = json.loads((town.folder / "sample.json").read_text())["examples"]["no_outage"]
    visitor = requests.Session()
    asked = visitor.get(f"{town.url}/bill")
    assert asked.url.endswith("/hall/sign-in?service=bill")
    page = press(visitor, asked, "/sign-in?service=bill", account=f" {known['account']} ", pin=known["pin"])
    assert page.status_code == 200 and page.url == f"{town.url}/bill"
    out = press(visitor, page, "/sign-out")
    assert out.url.endswith("/sign-in") and visitor.get(f"{town.url}/bill").url.endswith("/sign-in?service=bill")


def test_hall__guessing__is_limited_and_tells_nothing(town: Town) -> None:
    known = json.loads((town.folder / "sample.json").read_text())["examples"]["no_outage"]
    wrong = "000000" if known["pin"] != "000000" else "000001"
    visitor = requests.Session()
    page = visitor.get(f"{town.url}/sign-in")
    tries = [(known["account"], wrong), ("0000000000", wrong)] * 2 + [(known["account"], wrong)]
    told = [press(visitor, page, "/sign-in", account=a, pin=p) for a, p in tries]
    assert {t.status_code for t in told} == {401} and len({t.text for t in told}) == 1
    last = press(visitor, page, "/sign-in", account=known["account"], pin=known["pin"])
    assert last.status_code == 429 and last.headers["Retry-After"] == "60"


@pytest.mark.parametrize(("account", "pin"), [
    ("", ""), ("123", "123456"), ("1234567890", "12345"), ("1234567890/../x", "123456"),
    ("１２３４５６７８９０", "123456"),
    ("' OR 1=1 --", "123456"), ("9" * 10_000, "9" * 10_000), ("\x00" * 10, "123456")])
def test_hall__malformed_sign_in__is_told(town: Town, account: str, pin: str) -> None:
    visitor = requests.Session()
    page = press(visitor, visitor.get(f"{town.url}/sign-in"), "/sign-in", account=account, pin=pin)
    assert page.status_code == 400 and "10 digits" in page.text


def test_hall__link__is_for_one_account_and_five_minutes(town: Town) -> None:
    good = enter_token(secret_key(town.settings), "1234567890")
    other = enter_token("another key", "1234567890")
    for token in ("", "x", good[:-1], good[1:], other, enter_token(secret_key(town.settings), "../../etc")):
        assert requests.get(f"{town.url}/enter", params={"token": token}).status_code == 401
    old = _aged(good, town)
    assert requests.get(f"{town.url}/enter", params={"token": old}).status_code == 401
    assert requests.get(f"{town.url}/enter", params={"token": good}).status_code == 200


def _aged(_: str, town: Town) -> str:
    from itsdangerous import TimestampSigner, URLSafeTimedSerializer

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - 301

    return str(URLSafeTimedSerializer(secret_key(town.settings), salt="hall", signer=Earlier).dumps("1234567890"))


def test_hall__unknown_page__is_a_plain_page(town: Town) -> None:
    visitor = town.visitor(town.grid.sample_accounts(1, 1)[0])
    page = visitor.get(f"{town.url}/gas")
    assert page.status_code == 404 and "95598" in page.text


# -- a phone ----------------------------------------------------------------------------------------


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_hall__on_a_phone__without_javascript(town: Town, tmp_path: Path) -> None:
    known = json.loads((town.folder / "sample.json").read_text())["examples"]["outage"]
    for slug in ("outage-lookup", "bill-explainer"):
        town.ship(slug)
        town.open(slug, "100")
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True,
                 "has_touch": True, "java_script_enabled": False, "locale": "en"}
        walk(browser.new_page(color_scheme="light", **phone), town.url, known, tmp_path)
        night = browser.new_page(color_scheme="dark", **phone)
        token = enter_token(secret_key(town.settings), known["account"])
        night.goto(f"{town.url}/enter?service=bill&token={token}")
        night.screenshot(path=str(tmp_path / "bill-dark.png"), full_page=True)
        browser.close()
    assert town.outcomes(known["account"])["helped"] == [1]


def walk(page: Page, url: str, known: dict[str, str], folder: Path) -> None:
    def shoot(name: str) -> None:
        page.screenshot(path=str(folder / f"{name}.png"), full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name

    loaded: list[tuple[str, int]] = []
    page.on("response", lambda r: loaded.append((r.url, len(r.body()))))
    page.goto(f"{url}/outages")
    shoot("1-sign-in")
    assert all(u.startswith((url.removesuffix("/hall"), "data:")) for u, _ in loaded), loaded
    assert sum(size for _, size in loaded) < 100_000
    page.get_by_label("Account number").fill(known["account"])
    page.get_by_label("PIN").fill(known["pin"])
    page.get_by_role("button", name="Sign in").click()
    assert page.locator("#outage-title").is_visible()
    shoot("2-outages-new")
    page.get_by_role("link", name="Today's way").click()
    assert page.get_by_role("heading", name="Outage notices").is_visible()
    shoot("3-outages-today")
    page.get_by_role("link", name="Online hall").click()
    shoot("4-home")
    page.get_by_role("link", name="Electricity bill").click()
    shoot("5-bill-new")
    page.get_by_role("button", name="Yes").click()
    assert page.get_by_role("heading", name="Thank you").is_visible()
    shoot("6-thanks")
    page.goto(f"{url}/bill?way=today")
    shoot("7-bill-today")
    page.get_by_role("button", name="Call 95598").click()
    assert page.locator('a[href="tel:95598"]').is_visible()
    shoot("8-hotline")
    page.get_by_role("button", name="中文").click()
    page.get_by_role("link", name=re.compile("bill|电费", re.IGNORECASE)).click()
    shoot("9-bill-zh")
