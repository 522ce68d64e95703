"""`/api/admin`: the calls that scripts use to make, configure, switch and archive flags."""

import logging

from flask import Blueprint, Response, request

from eastwind.errors import EastwindError
from eastwind.web.unleash import (
    admin_context,
    admin_events,
    admin_exchange,
    admin_features,
    admin_life,
    admin_playground,
    admin_search,
    admin_segments,
    admin_states,
    admin_tags,
    admin_tokens,
    admin_world,
)
from eastwind.web.unleash.answers import errors_of, nowhere
from eastwind.web.unleash.auth import authenticate
from eastwind.web.unleash.body import expect_json
from eastwind.web.unleash.wire import Wire

_PARTS = (admin_features, admin_life, admin_states, admin_segments, admin_tags, admin_context, admin_tokens,
          admin_world, admin_events, admin_search, admin_exchange, admin_playground)
log = logging.getLogger(__name__)


def blueprint(wire: Wire) -> Blueprint:
    """All routes below `/api/admin`."""
    made = Blueprint("unleash_admin", __name__)
    errors_of(made)

    @made.before_request
    def _enter() -> None:
        authenticate(wire.keyring, "admin")
        expect_json()

    @made.after_request
    def _publish(response: Response) -> Response:
        if request.method != "GET" and response.status_code < 300:
            _publish_at_once(wire)
        return response

    for part in _PARTS:
        part.register(made, wire)
    made.add_url_rule("/api/admin/<path:rest>", endpoint="nowhere", view_func=nowhere,
                      methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return made


def _publish_at_once(wire: Wire) -> None:
    """Rather than at the publisher's next look. What was written stays written whether this works or not."""
    try:
        wire.publisher.refresh()
    except EastwindError as error:
        log.warning("published at the next look: %s", error)
