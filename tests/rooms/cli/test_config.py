"""Settings on the command line: where each comes from, what is wrong with them, and no secret ever shown."""

from pathlib import Path

import pytest

from tests.journeys.platform_process import eastwind

from .conftest import Type

CANARY = "canary-that-must-never-be-printed"
SECRETS = {"EASTWIND_SECRET_KEY": CANARY * 2, "EASTWIND_SENTRY_DSN": f"http://{CANARY}@127.0.0.1/1",
           "EASTWIND_DATABASE_URL": f"postgresql://me:{CANARY}@127.0.0.1:1/none"}


def test_config__secrets__are_masked_and_origins_told(verb: Type) -> None:
    shown = verb("config", EASTWIND_HOST="127.0.0.9", **SECRETS)
    assert shown.exit_code == 0 and CANARY not in shown.output
    lines = [line.split("\t") for line in shown.stdout.splitlines()]
    rows = {name: (value, origin) for name, value, origin, _ in lines}
    assert rows["host"] == ("127.0.0.9", "environment")
    assert rows["threads"] == ("700", "config/default.toml")
    assert all(rows[name.removeprefix("EASTWIND_").lower()] == ("***", "environment") for name in SECRETS)


@pytest.mark.parametrize("words", [("list",), ("db", "doctor"), ("open", "outage-lookup", "-s", "1"), ("up",)])
def test_any_verb__database_away__exits_with_a_reason_and_no_secret(verb: Type, words: tuple[str, ...]) -> None:
    failed = verb(*words, **SECRETS)
    assert failed.exit_code in (1, 2)
    assert "database: the database is not reachable" in failed.stderr and CANARY not in failed.output


def test_secret__too_short_in_production__is_named_not_shown(verb: Type) -> None:
    failed = verb("config", EASTWIND_MODE="production", EASTWIND_SECRET_KEY="canary")
    assert failed.exit_code == 2
    assert "secret_key: must have at least 32" in failed.stderr and "canary" not in failed.output


def test_settings__many_wrong__every_one_is_named_with_its_source(verb: Type, own_home: Path) -> None:
    (own_home / "config" / "default.toml").write_text('prot = 1\nport = "four"\nsample_data = "maybe"\n')
    failed = verb("config", EASTWIND_HOME=str(own_home), EASTWIND_PORT="", EASTWIND_CUSTOMERS="many")
    assert failed.exit_code == 2 and failed.stdout == ""
    for line in ("prot: is not a setting (config/default.toml)", "port: must be of type int (config/default.toml)",
                 "sample_data: must be of type bool (config/default.toml)",
                 "customers: must be of type int (environment)"):
        assert line in failed.stderr


def test_settings__out_of_bounds__every_one_is_named(verb: Type) -> None:
    failed = verb("config", EASTWIND_PORT="70000", EASTWIND_HEADROOM="0.5", EASTWIND_THREADS="100",
                  EASTWIND_MAX_BODY_KB="1", EASTWIND_REVIEW_VALID_DAYS="nan")
    assert failed.exit_code == 2
    told = {line.strip().partition(":")[0] for line in failed.stderr.splitlines()[1:]}
    assert told == {"port", "headroom", "threads", "max_body_kb", "review_valid_days"}


@pytest.mark.parametrize(("text", "mode", "named"), [
    ("port = = 1", "development", "config/default.toml: is not valid TOML"),
    ("port = 4242", "holiday", "EASTWIND_MODE: must be one of development, production"),
])
def test_settings__unreadable__says_where(verb: Type, own_home: Path, text: str, mode: str, named: str) -> None:
    (own_home / "config" / "default.toml").write_text(text)
    failed = verb("list", EASTWIND_HOME=str(own_home), EASTWIND_MODE=mode)
    assert failed.exit_code == 2 and named in failed.stderr


def test_up__wrong_settings__starts_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    failed = eastwind(environment | {"EASTWIND_DATA_DIR": str(tmp_path / "var"), "EASTWIND_THREADS": "1",
                                     "EASTWIND_GUARD_INTERVAL_MS": "0"}, "up")
    assert failed.returncode == 2 and failed.stdout == "" and "\x1b" not in failed.stderr
    assert "threads: " in failed.stderr and "guard_interval_ms: " in failed.stderr
    assert not (tmp_path / "var").exists()
