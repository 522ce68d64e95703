"""The load test of the outage look-up is a real Locust run, and its evidence can be read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eastwind_sdk.testing import Running, running, sample_backoffice

FOLDER = Path(__file__).parents[1]
HOME = Path(__file__).parents[3]


def locust(it: Running, accounts: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "locust", "-f", str(FOLDER / "locustfile.py"), "--headless", "--only-summary"]
    shape = ["-u", "10", "-r", "10", "-t", "3s", "-H", it.url, "--json-file", str(out)]
    own = {"PYTHONPATH": str(HOME), "EASTWIND_EXPERIMENT_KEY": it.key, "EASTWIND_LOAD_ACCOUNTS": str(accounts)}
    environment = {**os.environ, **own}
    return subprocess.run(command + shape, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_load__one_request_a_second_for_each_user(tmp_path: Path) -> None:
    with sample_backoffice(tmp_path / "office") as office, running(FOLDER, office.url, tmp_path / "data") as it:
        accounts = tmp_path / "accounts"
        accounts.write_text("\n".join(office.accounts))
        ended = locust(it, accounts, tmp_path / "evidence")
        assert ended.returncode == 0, ended.stderr
        (page,) = json.loads((tmp_path / "evidence.json").read_text())
        assert 20 <= page["num_requests"] <= 32
        assert page["num_failures"] == 0
        assert f"answers: {page['num_requests']} fit to show" in ended.stdout

        it.drill("error")
        ended = locust(it, accounts, tmp_path / "broken")
        assert ended.returncode == 1
        (page,) = json.loads((tmp_path / "broken.json").read_text())
        assert page["num_failures"] == page["num_requests"] > 0


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_load__no_accounts__one_clear_line(tmp_path: Path, content: str) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text(content)
    own = {"EASTWIND_EXPERIMENT_KEY": "k", "EASTWIND_LOAD_ACCOUNTS": str(accounts), "PYTHONPATH": str(HOME)}
    command = [sys.executable, "-m", "locust", "-f", str(FOLDER / "locustfile.py"), "--headless", "-t", "1s"]
    ended = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "no accounts to visit" in ended.stderr
