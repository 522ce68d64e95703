"""The house's own rules that no linter knows."""

import ast
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from eastwind.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                         capture_output=True, text=True).stdout.splitlines()
PYTHON = [f for f in TRACKED if f.endswith(".py") and (ROOT / f).exists()]
EXPERIMENTS = sorted(p.parent.name for p in ROOT.glob("experiments/*/experiment.toml"))


def imported(file: str) -> set[str]:
    """The names of all modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_platform__no_python_file_directly_in_it() -> None:
    # One there would shadow the standard library's `platform` and break the interpreter at the repo's root.
    assert [f for f in PYTHON if Path(f).parent == Path("platform")] == []


def test_platform__at_the_root__is_the_standard_library() -> None:
    code = "import platform, flask, locust.stats; print(platform.python_version())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr


def test_modules__none_has_a_tail() -> None:
    long = {f: n for f in PYTHON if not f.startswith(("tests/", "platform/eastwind/db/migrations/"))
            and (n := len((ROOT / f).read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_default_toml__says_what_the_settings_say() -> None:
    written = tomllib.loads((ROOT / "config/default.toml").read_text(encoding="utf-8"))
    table = {f.name: f for f in fields(Settings) if f.name not in ("mode", "home")}
    assert written.keys() == table.keys()
    for name, value in written.items():
        default = table[name].default
        assert value == (str(default) if isinstance(default, Path) else default), name


@pytest.mark.parametrize("slug", EXPERIMENTS)
def test_experiment__imports_the_sdk_and_nothing_else_of_ours(slug: str) -> None:
    folder = f"experiments/{slug}/"
    ours = {"eastwind", "backoffice", "experiments", "tests"}
    for file in (f for f in PYTHON if f.startswith(folder) and "/tests/" not in f):
        allowed = {"loadtests"} if file.endswith("locustfile.py") else set()
        assert {name.split(".")[0] for name in imported(file)} & (ours - allowed) == set(), file


def test_core__never_imports_experiments_or_load_tests() -> None:
    for file in (f for f in PYTHON if f.startswith("platform/")):
        assert not {n.split(".")[0] for n in imported(file)} & {"experiments", "loadtests", "tests"}, file


def test_core__asks_one_clock() -> None:
    for file in (f for f in PYTHON if f.startswith("platform/eastwind/") and not f.endswith("/clock.py")):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert "datetime.now(" not in text and "utcnow" not in text, file


def test_repo__names_no_machine() -> None:
    home = str(ROOT.parent) + "/"
    for file in TRACKED:
        path = ROOT / file
        if path.is_file() and path.suffix not in (".png", ".mo"):
            assert home not in path.read_text(encoding="utf-8", errors="replace"), file
