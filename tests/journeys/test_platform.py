"""From nothing to a running platform, and to none again: what `eastwind up` promises, on the real thing."""

import contextlib
import re
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, make_url, text

from tests.journeys.platform_process import PLACE, ROOT, SLUG, Platform, eastwind, running, settings_for, until

START_AGAIN_SECONDS, STOP_SECONDS = 5.0, 5.0


def _authenticates(platform: Platform, kind: str, secret: str) -> bool:
    path = {"backend": "/api/client/features", "frontend": "/api/frontend", "admin": "/api/admin/projects"}[kind]
    return requests.get(platform.url + path, headers={"Authorization": secret}, timeout=8).status_code == 200


def _stopped_with_streams(platform: Platform, number: int) -> float:
    with contextlib.ExitStack() as streams:
        for _ in range(5):
            streams.enter_context(contextlib.closing(platform.stream()))
        return platform.end(number)


def test_up__first_and_second_start__same_keys_and_both_signals_end_it_with_streams_open(tmp_path: Path) -> None:
    environment, began = settings_for(tmp_path), time.monotonic()
    with running(environment) as first:
        first_took = time.monotonic() - began
        told = first.told()
        for _, address in told["addresses"][:2]:
            assert requests.get(address, timeout=8).status_code == 200
        assert sorted(role for role, _, _ in told["sign_ins"]) == ["innovator", "manager", "operator"]
        for _, name, password in told["sign_ins"]:
            assert SLUG in first.sign_in(name, password).get(f"{first.url}/experiments", timeout=8).text
        assert {(kind, place) for kind, place, _ in told["tokens"]} >= {
            ("backend", "development"), ("backend", PLACE), ("frontend", PLACE), ("admin", "*")}
        assert all(_authenticates(first, kind, secret) for kind, _, secret in told["tokens"])
        assert first.way(first.customer()) == "today"
        assert "\x1b" not in "".join(first.lines)
        second = eastwind(environment | {"EASTWIND_PORT": "1"}, "up")
        assert second.returncode == 2 and _only_line(second.stderr + second.stdout).count("already runs") == 1
        assert _stopped_with_streams(first, signal.SIGTERM) < STOP_SECONDS
        assert first.process.returncode == 0
    began = time.monotonic()
    with running(environment) as again:
        # Other tests share this machine: where it is so busy that the first start was slow, this one may be too.
        assert time.monotonic() - began < max(START_AGAIN_SECONDS, 1.5 * first_took)
        assert again.told() == told
        assert _authenticates(again, "backend", again.token("backend"))
        assert _stopped_with_streams(again, signal.SIGINT) < STOP_SECONDS
        assert again.process.returncode == 0


def _only_line(output: str) -> str:
    (line,) = output.strip().splitlines()
    return line


def test_up__port_taken__one_line_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = eastwind(settings_for(tmp_path, EASTWIND_PORT=port), "up")
    assert found.returncode == 2 and found.stdout == ""
    assert port in _only_line(found.stderr) and "EASTWIND_PORT" in found.stderr


def test_up__data_folder_is_a_file__one_line_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")
    found = eastwind(settings_for(tmp_path), "up")
    assert found.returncode == 2 and found.stdout == ""
    assert str(tmp_path / "var") in _only_line(found.stderr) and "EASTWIND_DATA_DIR" in found.stderr


def test_up__database_away__one_line_without_its_password(tmp_path: Path) -> None:
    found = eastwind(settings_for(tmp_path, EASTWIND_DATABASE_URL="postgresql://me:canary-word@127.0.0.1:1/none"), "up")
    assert found.returncode == 2
    assert "database" in _only_line(found.stderr) and "canary" not in found.stderr + found.stdout


def test_up__production__takes_over_the_init_tokens_and_makes_no_samples(tmp_path: Path) -> None:
    secrets = {"INIT_ADMIN_API_TOKENS": "*:*.admin-from-outside", "INIT_BACKEND_API_TOKENS": "*:production.backend-a, "
               "default:development.backend-b", "INIT_CLIENT_API_TOKENS": "[]:development.older-name",
               "INIT_FRONTEND_API_TOKENS": "*:development.for-browsers"}
    with running(settings_for(tmp_path, EASTWIND_MODE="production", EASTWIND_SECRET_KEY="k" * 40, **secrets)) as found:
        assert set(found.told()) == {"addresses"}
        for variable, listed in secrets.items():
            kind = {"CLIENT": "backend"}.get(variable.split("_")[1], variable.split("_")[1].lower())
            assert all(_authenticates(found, kind, secret.strip()) for secret in listed.split(","))
        assert not _authenticates(found, "backend", "*:production.never-made")
        assert found.house.grid.population() == 0
        assert not (tmp_path / "var/welcome.json").exists() and not (tmp_path / "var/secret").exists()


def test_up__on_postgresql__starts_the_same(tmp_path: Path, postgres_url: str) -> None:
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as tx:
        tx.execute(text("CREATE DATABASE whole_platform"))
    url = make_url(postgres_url).set(database="whole_platform").render_as_string(hide_password=False)
    with running(settings_for(tmp_path, EASTWIND_DATABASE_URL=url)) as found:
        for _, name, password in found.told()["sign_ins"]:
            found.sign_in(name, password)
        assert found.open(1, "development").status_code == 200
        assert found.house.grid.population() == 300
        assert not list((tmp_path / "var").glob("eastwind.db*"))
        health = requests.get(f"{found.url}/health", timeout=8).json()
        assert health["storage"]["engine"] == "postgresql"
    with admin.connect() as tx:
        tx.execute(text("DROP DATABASE whole_platform WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """The shipped experiments, one with a manifest that is wrong four times, and one that cannot be imported."""
    made = tmp_path / "experiments"
    shutil.copytree(ROOT / "experiments", made)
    wrong = made / "wrong-manifest"
    shutil.copytree(ROOT / "experiments" / SLUG, wrong)
    manifest = (wrong / "experiment.toml").read_text(encoding="utf-8")
    for old, new in ((SLUG, "wrong-manifest"), ('unit = "customer"', 'unit = "street"'), ("2027-05-31", '"soon"'),
                     ("p95_ms = 400", "p95_ms = -1"), ('owner = "Lin Qing"', "")):
        assert old in manifest
        manifest = manifest.replace(old, new)
    (wrong / "experiment.toml").write_text(manifest, encoding="utf-8")
    broken = made / "not-importable"
    shutil.copytree(ROOT / "experiments" / SLUG, broken)
    (broken / "app.py").write_text("import a_library_that_there_is_not\n", encoding="utf-8")
    (broken / "experiment.toml").write_text(
        (broken / "experiment.toml").read_text(encoding="utf-8").replace(SLUG, "not-importable"), encoding="utf-8")
    return made


def test_up__bad_folders_among_good_ones__lose_only_themselves_and_the_console_says_why(
        tmp_path: Path, folders: Path) -> None:
    with running(settings_for(tmp_path, EASTWIND_EXPERIMENTS_DIR=str(folders))) as found:
        until(lambda: found.programs()["experiment-not-importable"].state == "failed", 20, "the third failure")
        assert {n: p.state for n, p in found.programs().items() if p.kind == "experiment"} == {
            "experiment-outage-lookup": "up", "experiment-bill-explainer": "up",
            "experiment-wrong-manifest": "not-loaded", "experiment-not-importable": "failed"}
        (name, password), = [(n, p) for role, n, p in found.told()["sign_ins"] if role == "innovator"]
        console = found.sign_in(name, password)
        page = console.get(f"{found.url}/experiments", timeout=8).text
        entry = page[page.index("wrong-manifest"):]
        assert {"unit", "sunset", "load.p95_ms", "owner"} <= set(re.findall(r"<code>([^<]+)</code>", entry))
        assert "Its process does not come up" in page
        page = console.get(f"{found.url}/experiments/not-importable", timeout=8).text
        assert "No module named &#39;a_library_that_there_is_not&#39;" in page
        assert found.open(1, "development").status_code == 200
        assert found.way(found.customer()) == "today"
