"""What must be there before anything runs: the schema, declared flags and experiments, and at the first start people,
tokens and sample customers. Running it again changes nothing.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from eastwind.app import House
from eastwind.audit import SYSTEM, Actor
from eastwind.cli.up import Welcome
from eastwind.db.migrate import upgrade
from eastwind.errors import Invalid, Problem, Unavailable, gather, msg
from eastwind.experiments import load_folder
from eastwind.flags.declare import declare_folder
from eastwind.people import ROLES
from eastwind.people.model import ALL
from eastwind.settings import Settings, secret_key

_ACTOR = Actor("cli", "first-start")
# Unleash's own names, so that a compose file written for it works here.
_INIT_TOKENS = {"INIT_ADMIN_API_TOKENS": "admin", "INIT_BACKEND_API_TOKENS": "backend",
                "INIT_CLIENT_API_TOKENS": "backend", "INIT_FRONTEND_API_TOKENS": "frontend"}
_SAMPLE_SECONDS = 600


def prepare(house: House, env: Mapping[str, str] = os.environ, console: Console | None = None) -> Welcome:
    """Bring the database to where the platform can start, and say how to sign in."""
    console = console or Console(stderr=True)
    secret_key(house.settings)
    upgrade(house.db)
    house.flags.ensure_defaults()
    check_hall(house)
    if not house.people.tokens():
        take_over_tokens(house, env)
    if house.settings.load_samples and not house.grid.population():
        load_samples(house, console)
    declare(house, console)
    if not house.settings.load_samples and not house.people.users():
        console.print("nobody can sign in yet: eastwind people add NAME --role operator", style="yellow")
    return _welcome(house)


def check_hall(house: House) -> None:
    """In production mode, customers are served only where the readiness gate holds."""
    place = house.flags.environment(house.settings.hall_environment)
    if house.settings.mode == "production" and place.type != "production":
        raise Invalid(Problem("hall_environment", msg("{name} is not of type production, so no gate would hold there",
                                                      name=place.name)))


def declare(house: House, console: Console) -> None:
    """Take in experiments and flags declared in files; what is wrong is named, and leaves the others be."""
    house.experiments.declare(load_folder(house.settings.experiments_dir))
    for problem in declare_folder(house.flags, house.settings.flags_dir):
        console.print(f"flags: {problem.field}: {problem.reason}", style="yellow", markup=False)


def take_over_tokens(house: House, env: Mapping[str, str]) -> None:
    """Keep the tokens that `INIT_*_API_TOKENS` list (`project:environment.secret`, comma-separated).

    Raises `Invalid` naming the variable of each that is malformed or speaks of an unknown environment; then none is
    kept. One that two variables list is kept once.
    """
    known = {e.name for e in house.flags.environments()}
    wanted: dict[str, tuple[str, str, tuple[str, ...], str]] = {}
    problems = []
    for variable, kind in _INIT_TOKENS.items():
        for secret in filter(None, map(str.strip, env.get(variable, "").split(","))):
            scope, _, rest = secret.rpartition(".")
            project, _, environment = scope.partition(":")
            if not (project and rest) or environment not in ({ALL} if kind == "admin" else known):
                problems.append(Problem(variable, msg(
                    "must list tokens as project:environment.secret, of an environment that exists (* for admin)")))
            wanted.setdefault(secret, (kind, environment, (ALL,) if project == "[]" else (project,), variable))
    gather(problems)
    for number, (secret, (kind, environment, projects, variable)) in enumerate(wanted.items(), 1):
        house.people.issue_token(kind, environment, projects, f"{variable.lower()}-{number}", _ACTOR, secret)


def load_samples(house: House, console: Console) -> None:
    """Have the back office make its sample, and take in the grid that it exports."""
    folder = house.settings.data_dir / "backoffice"
    command = [sys.executable, "-m", "backoffice", "sample", "--customers", str(house.settings.customers),
               "--seed", str(house.settings.sample_seed), "--out", str(folder)]
    told = None if console.is_terminal else subprocess.DEVNULL
    try:
        subprocess.run(command, check=True, timeout=_SAMPLE_SECONDS, stdout=told)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        reason = msg("the sample data could not be made: {detail}", detail=error)
        raise Unavailable(Problem("sample", reason)) from error
    with console.status("taking in the grid model …"):
        house.grid.import_folder(folder, SYSTEM)


def _welcome(house: House) -> Welcome:
    """Where to go and how to sign in. What a newcomer is told is noted first and then made true, so that a start that
    was cut short is completed by the next.
    """
    file = house.settings.data_dir / "welcome.json"
    if not house.settings.load_samples:
        return Welcome(_addresses(house.settings))
    if not file.exists() and not house.people.users():
        write_private(file, json.dumps(asdict(_newcomer(house.settings)), indent=1))
    told = _read(file)
    known = {user.name for user in house.people.users()}
    for role, name, password in told.sign_ins:
        if name not in known:
            house.people.add_user(name, password, role, _ACTOR)
    for kind, environment, secret in told.tokens:
        if house.people.token(secret) is None:
            house.people.issue_token(kind, environment, (ALL,), f"sample-{kind}-{environment}", _ACTOR, secret)
    return Welcome(_addresses(house.settings), told.sign_ins, told.tokens, told.customer)


def _newcomer(settings: Settings) -> Welcome:
    """One person for each role and one token of each type, with fresh secrets: development only."""
    wanted = [("backend", "development"), ("backend", "production"), ("frontend", "production"), ("admin", ALL)]
    return Welcome(sign_ins=tuple((role, role, secrets.token_urlsafe(12)) for role in ROLES),
                   tokens=tuple((kind, place, f"{ALL}:{place}.{secrets.token_hex(28)}") for kind, place in wanted),
                   customer=_customer(settings.data_dir / "backoffice"))


def _customer(folder: Path) -> tuple[str, str] | None:
    """A sample customer's account and PIN, from the note that the back office leaves with its export."""
    try:
        cases = json.loads((folder / "sample.json").read_text(encoding="utf-8"))["examples"]
        case = cases.get("outage") or next(iter(cases.values()))
        return str(case["account"]), str(case["pin"])
    except (OSError, ValueError, KeyError, StopIteration):
        return None


def _addresses(settings: Settings) -> tuple[tuple[str, str], ...]:
    root = f"http://{settings.host}:{settings.port}"
    return (("console", f"{root}/"), ("hall (customers)", f"{root}/hall/"), ("SDK (Unleash)", f"{root}/api"))


def _read(file: Path) -> Welcome:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return Welcome((), tuple(map(tuple, kept["sign_ins"])), tuple(map(tuple, kept["tokens"])),
                       tuple(kept["customer"]) if kept["customer"] else None)
    except (OSError, ValueError, KeyError, TypeError):
        return Welcome()  # it was removed, as it should be where others can read the folder


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step."""
    handle = os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)

