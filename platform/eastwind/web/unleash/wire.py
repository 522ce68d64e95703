"""What the wire hangs on, and how a route is put on a blueprint."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import Blueprint

from eastwind.arrivals import Arrivals
from eastwind.db import Database
from eastwind.flags import Evaluator, Flags, Publisher
from eastwind.people import People
from eastwind.settings import Settings
from eastwind.usage import Usage
from eastwind.web.unleash.auth import Keyring
from eastwind.web.unleash.payload import Payloads
from eastwind.web.unleash.tally import Tally


@dataclass(frozen=True)
class Wire:
    """The parts that the wire speaks for."""

    db: Database
    flags: Flags
    publisher: Publisher
    evaluator: Evaluator
    people: People
    arrivals: Arrivals
    settings: Settings

    @cached_property
    def keyring(self) -> Keyring:
        """The tokens lately shown."""
        return Keyring(self.people)

    @cached_property
    def payloads(self) -> Payloads:
        """The answers to polls."""
        return Payloads(self.publisher)

    @cached_property
    def usage(self) -> Usage:
        """What SDKs count. It writes from its first count on, until `Usage.stop`."""
        return Usage(self.db)

    @cached_property
    def tally(self) -> Tally:
        """What was answered."""
        return Tally()

    @property
    def largest_body(self) -> int:
        """In bytes."""
        return self.settings.max_body_kb * 1024


def route(blueprint: Blueprint, rule: str, view: Callable[..., Any]) -> None:
    """Answer `rule` ("POST /api/…") with `view`."""
    method, path = rule.split(" ", 1)
    name = "".join(c if c.isalnum() else "_" for c in rule)
    blueprint.add_url_rule(path, endpoint=name, view_func=view, methods=[method])
