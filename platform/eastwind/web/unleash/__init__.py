"""The Unleash wire: what official SDKs, Edge and admin scripts speak."""

from flask import Blueprint

from eastwind.web.unleash import admin, admin_metrics, backstage, client, frontend, health
from eastwind.web.unleash.ending import end_on_signal
from eastwind.web.unleash.polls import in_front
from eastwind.web.unleash.wire import Wire

__all__ = ["Wire", "blueprints", "end_on_signal", "in_front"]


def blueprints(wire: Wire) -> tuple[Blueprint, ...]:
    """All of the wire, ready to be registered. They take tokens, never cookies, so no CSRF protection is theirs."""
    return tuple(part.blueprint(wire) for part in (client, frontend, admin, admin_metrics, health, backstage))
