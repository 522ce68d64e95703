"""The demo is a witness: what it did not observe, it does not claim."""

import json
import shutil
from pathlib import Path

from tests.journeys.platform_process import ROOT, SLUG, eastwind, settings_for


def test_demo__a_review_that_is_not_ready__fails_and_says_at_which_step(tmp_path: Path) -> None:
    folders, told = tmp_path / "experiments", tmp_path / "demo.json"
    shutil.copytree(ROOT / "experiments", folders)
    manifest = folders / SLUG / "experiment.toml"
    asked = manifest.read_text(encoding="utf-8").replace("p95_ms = 400", "p95_ms = 0.001")
    manifest.write_text(asked, encoding="utf-8")
    environment = settings_for(tmp_path, EASTWIND_EXPERIMENTS_DIR=str(folders), EASTWIND_CUSTOMERS="2000")
    done = eastwind(environment, "demo", "--json", str(told), seconds=110)
    assert done.returncode == 1 and "not every step was observed" in done.stdout, done.stdout + done.stderr
    found = json.loads(told.read_text(encoding="utf-8"))
    assert found["ok"] is False
    assert [(step["name"], step["observed"]) for step in found["steps"]] == [
        ("start", True), ("refusal", True), ("review", False)]
    assert "the limit is 0.001 ms" in found["steps"][-1]["detail"]
    assert not (tmp_path / "var" / "demo").exists()
