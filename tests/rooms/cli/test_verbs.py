"""Every verb: help, exit codes (0 done, 1 not so, 2 wrong use), errors by field, JSON that parses, plain when piped."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from sqlalchemy import create_engine, text
from typer.main import get_command

from eastwind.app import House
from eastwind.cli.entry import app
from tests.journeys.platform_process import eastwind

from .conftest import Type

SLUG = "outage-lookup"


def _verbs(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, found in getattr(group, "commands", {}).items():
        yield (*path, name), found
        yield from _verbs(found, (*path, name))


VERBS = dict(_verbs(get_command(app)))


def test_verbs__are_those_of_the_documentation() -> None:
    assert {" ".join(path) for path in VERBS} >= {
        "up", "serve", "jobs", "config", "demo", "list", "review", "open", "close", "rollback", "report", "drill",
        "db upgrade", "db verify", "db doctor", "people add", "people token", "people tokens", "people revoke"}


@pytest.mark.parametrize("path", VERBS, ids=" ".join)
def test_help__every_verb__says_what_it_does_and_every_option(verb: Type, path: tuple[str, ...]) -> None:
    shown = verb(*path, "--help", COLUMNS="300")
    assert shown.exit_code == 0
    said = (VERBS[path].help or "").split(".")[0].strip()
    assert len(said) > 10 and said.split("\n")[0] in shown.stdout
    for parameter in VERBS[path].params:
        assert all(option in shown.stdout for option in parameter.opts if option.startswith("--"))


@pytest.mark.parametrize(("words", "code", "told"), [
    ((), 2, "Usage"),
    (("fly",), 2, "No such command 'fly'"),
    (("open", SLUG), 2, "Missing option '--share'"),
    (("close", SLUG, "--force"), 2, "No such option"),
    (("open", SLUG, "-s", "a lot"), 2, "share: a lot is not a number"),
    (("open", SLUG, "-s", "200"), 2, "share: must be from 0 to 100 %"),
    (("open", SLUG, "-s", "1"), 1, "share: the back end was not shown to be ready for 1 %"),
    (("open", SLUG, "-s", "1", "-e", "mars"), 1, "environment: there is no environment mars"),
    (("open", SLUG, "-s", "0", "-e", "development", "--pilot", "12"), 2, "pilots: there is no customer 12"),
    (("open", "no-such", "-s", "1"), 1, "experiment: there is no experiment no-such"),
    (("review", "no-such", "-s", "1"), 1, "experiment: there is no experiment no-such"),
    (("review", SLUG, "-s", "0"), 2, "share: must be greater than 0"),
    (("close", "no-such"), 1, "experiment: there is no experiment no-such"),
    (("report", "bill-explainer"), 1, "environment: bill-explainer was never open in production"),
    (("drill", SLUG, "flood-it"), 2, "kind: must be one of error, hang, flood, memory, none"),
    (("drill", SLUG, "error"), 1, f"experiment: {SLUG} did not take the drill"),
    (("people", "add", "kim", "--role", "king", "--password", "long-enough-to-be-one"), 2, "role: must be one of"),
    (("people", "token", "--type", "client"), 2, "type: must be one of backend, frontend, admin"),
    (("people", "revoke", "999"), 1, "token: there is no such token"),
])
def test_wrong__every_kind__its_code_and_the_field(verb: Type, words: tuple[str, ...], code: int, told: str) -> None:
    failed = verb(*words)
    assert (failed.exit_code, told in " ".join(failed.output.split())) == (code, True), failed.output
    assert "Traceback" not in failed.output


def test_open_report_close__without_any_server__each_says_what_it_did(verb: Type, house: House) -> None:
    place = ("-e", "development")
    opened = verb("open", SLUG, "--share", "2.5%", *place)
    assert (opened.exit_code, opened.stdout) == (0, f"{SLUG} is open to 2.5 % in development\n")
    assert f"{SLUG}\tLin Qing\t2027-05-31\tdevelopment 2.5 %\n" in verb("list").stdout
    told = json.loads(verb("report", SLUG, "--json", *place).stdout)
    assert told["experiment"] == SLUG and told["share"] == 2.5 and told["metrics"]
    assert told["answer"] in " ".join(verb("report", SLUG, *place).stdout.split())
    closed = verb("close", SLUG, "--reason", "it {rains} [in]", *place)
    assert (closed.exit_code, closed.stdout) == (0, f"{SLUG} is closed\n")
    run = house.experiments.get(SLUG).runs["development"]
    assert run.closed_by == "cli:operator" and str(run.close_reason) == "it {rains} [in]"
    again = verb("rollback", SLUG, *place)
    assert (again.exit_code, again.stdout) == (0, f"{SLUG} was closed already\n")


def test_review__not_waited_for__is_queued_and_json_is_alone_on_stdout(verb: Type) -> None:
    asked = verb("review", SLUG, "-s", "1", "--no-wait", "--json")
    told = json.loads(asked.stdout)
    assert asked.exit_code == 0 and (told["state"], told["share"]) == ("queued", "1")
    plain = verb("review", SLUG, "-s", "1", "--no-wait")
    assert plain.stdout == f"queued: review {told['id']}\n"


def test_people__added_tokened_revoked__really(verb: Type, house: House) -> None:
    added = verb("people", "add", "kim", "--role", "manager", "--password", "long-enough-to-be-one")
    assert (added.exit_code, added.stdout) == (0, "kim can sign in as manager\n")
    assert house.people.sign_in("kim", "long-enough-to-be-one").role == "manager"
    made = verb("people", "token", "--type", "backend", "--environment", "production", "--name", "meter")
    secret = made.stdout.strip()
    token = house.people.token(secret)
    assert token and (token.type, token.environment) == ("backend", "production")
    listed = verb("people", "tokens").stdout
    assert f"{token.id}\tmeter\tbackend\tproduction\t*" in listed and secret not in listed
    assert verb("people", "revoke", str(token.id)).exit_code == 0
    assert house.people.token(secret) is None


def test_db__upgrade_doctor_verify__and_a_changed_event_is_named(verb: Type, environment: dict[str, str],
                                                                 tmp_path: Path) -> None:
    other = {"EASTWIND_DATA_DIR": str(tmp_path)}
    assert "older" in verb("db", "doctor", **other).stdout
    assert verb("db", "upgrade", **other).exit_code == 0
    assert verb("db", "upgrade", **other).exit_code == 0
    sound = verb("db", "doctor", **other)
    assert sound.exit_code == 0 and ": sound\nschema: this release\n" in sound.stdout
    assert verb("db", "verify").stdout == "the audit trail holds\n"
    copy = Path(shutil.copy(Path(environment["EASTWIND_DATA_DIR"]) / "eastwind.db", tmp_path / "copy.db"))
    engine = create_engine(url := f"sqlite:///{copy}")
    with engine.begin() as tx:
        tx.execute(text("UPDATE event SET actor = 'user:nobody' WHERE id = 5"))
    engine.dispose()
    broken = verb("db", "verify", EASTWIND_DATABASE_URL=url)
    assert (broken.exit_code, broken.stdout) == (1, "event 5 was changed, removed or put in\n")


def test_any_verb__before_the_first_start__one_reason_and_no_traceback(verb: Type, tmp_path: Path) -> None:
    failed = verb("list", EASTWIND_DATA_DIR=str(tmp_path / "nothing"))
    assert failed.exit_code == 1 and "database: " in failed.stderr and "Traceback" not in failed.output


@pytest.mark.parametrize(("words", "code"), [
    (("list",), 0), (("config",), 0), (("--help",), 0), (("open", SLUG, "-s", "1"), 1), (("open", SLUG, "-s", "x"), 2),
    (("report", SLUG, "-e", "mars"), 1), (("fly",), 2),
])
def test_piped__every_kind_of_output__has_no_colour(environment: dict[str, str], words: tuple[str, ...],
                                                    code: int) -> None:
    done = eastwind(environment | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}, *words)
    assert done.returncode == code
    assert "\x1b" not in done.stdout + done.stderr and (done.stdout or done.stderr)
