"""`/internal-backstage`: figures for Prometheus, about this server and what services measure.

Open to the machine itself and to admin tokens: names of flags and applications are nobody else's business.
"""

import ipaddress
from datetime import timedelta

from flask import Blueprint, Response, request

from eastwind.clock import now
from eastwind.errors import EastwindError
from eastwind.guards import last_tick
from eastwind.web.unleash.answers import errors_of
from eastwind.web.unleash.auth import authenticate
from eastwind.web.unleash.exposition import CONTENT_TYPE, Family, by, families, single, text
from eastwind.web.unleash.wire import Wire, route

_LATELY = timedelta(days=1)
_ON_BEHALF = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")


def blueprint(wire: Wire) -> Blueprint:
    """Both routes."""
    made = Blueprint("unleash_backstage", __name__)
    errors_of(made)

    @made.before_request
    def _enter() -> None:
        if not _from_here():
            authenticate(wire.keyring, "admin")

    def prometheus() -> Response:
        return Response(text(_figures(wire)), content_type=CONTENT_TYPE)

    def impact() -> Response:
        return Response(text(families(wire.usage.series(now() - _LATELY))), content_type=CONTENT_TYPE)

    route(made, "GET /internal-backstage/prometheus", prometheus)
    route(made, "GET /internal-backstage/impact/metrics", impact)
    return made


def _from_here() -> bool:
    """Whether this very machine asks, and not a proxy on it for somebody else. A token that is shown is looked at."""
    if any(name in request.headers for name in (*_ON_BEHALF, "Authorization")):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _figures(wire: Wire) -> list[Family]:
    tally, usage = wire.tally, wire.usage
    return [
        *_published(wire),
        single("eastwind_streams_open", "gauge", "Open streams.", tally["streams"]),
        single("eastwind_streams_most", "gauge", "How many streams may be open.", wire.settings.max_streams),
        by("status", "eastwind_polls_total", "counter", "Answered polls.",
           {"200": tally["polls 200"], "304": tally["polls 304"]}),
        single("eastwind_metrics_accepted_total", "counter", "Reports of counts that were taken in.", tally["reports"]),
        single("eastwind_metrics_shed_total", "counter", "Counts and samples let go: there were too many.", usage.shed),
        single("eastwind_arrivals_dropped_total", "counter", "Notes of instances let go.", wire.arrivals.dropped),
        *_kept(wire),
    ]


def _published(wire: Wire) -> list[Family]:
    found = {s.environment: s for s in wire.publisher.snapshots()}
    return [
        by("environment", "eastwind_revision", "gauge", "The revision that is served.",
           {name: s.revision for name, s in found.items()}),
        by("environment", "eastwind_flags", "gauge", "Flags that are served.",
           {name: len(s.features) for name, s in found.items()}),
        by("environment", "eastwind_flags_quarantined", "gauge", "Flags that go out closed, for they are damaged.",
           {name: len(s.quarantined) for name, s in found.items()}),
    ]


def _kept(wire: Wire) -> list[Family]:
    """What only the database knows; left out while it is away, so that the rest can still be seen."""
    try:
        instances = {s.environment: len(wire.arrivals.instances(s.environment)) for s in wire.publisher.snapshots()}
        with wire.db.read() as tx:
            ticked = last_tick(tx)
    except EastwindError:
        return [single("eastwind_database_up", "gauge", "Whether the database answers.", 0)]
    found = [single("eastwind_database_up", "gauge", "Whether the database answers.", 1),
             by("environment", "eastwind_instances", "gauge", "SDK instances seen within the hour.", instances)]
    if ticked is not None:
        age = (now() - ticked).total_seconds()
        found.append(single("eastwind_guard_heartbeat_age_seconds", "gauge", "Since the guards last looked.", age))
    return found
