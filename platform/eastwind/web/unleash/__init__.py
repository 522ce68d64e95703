"""The Unleash wire: what official SDKs, Edge and admin scripts speak."""

from flask import Blueprint

from eastwind.web.unleash import admin, client, frontend, health
from eastwind.web.unleash.auth import Keyring
from eastwind.web.unleash.wire import Wire

__all__ = ["Keyring", "Wire", "blueprints"]


def blueprints(wire: Wire) -> tuple[Blueprint, ...]:
    """All of the wire, ready to be registered. They take tokens, never cookies, so no CSRF protection is theirs."""
    keyring = Keyring(wire.people)
    return tuple(part.blueprint(wire, keyring) for part in (client, frontend, admin, health))
