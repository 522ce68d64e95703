"""The Flask app of an experiment, wired so that the platform can run it, watch it and drill it."""

import hmac
import os
from typing import Any, NoReturn

from flask import Flask, Response, abort, request

from eastwind_sdk import context, faults, place
from eastwind_sdk.drill import Drill

CONTROL = "/_eastwind/"
MAX_BODY = 64 * 1024
OUT_OF_MEMORY = 5  # exit code; the runner's list has the others


def experiment(import_name: str) -> Flask:
    """A Flask app for `app = eastwind_sdk.experiment(__name__)`.

    Every request must carry the platform's key (else 403) and name a customer (else 400). An exception that no
    handler of the experiment catches is counted, sent to Sentry with flag and arm, and answered with 500. Running
    out of memory ends the process: nothing that it would still answer could be trusted.
    """
    app = Flask(import_name)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    drill = Drill()
    app.before_request(_admit)
    _add_control(app, drill)
    app.before_request(lambda: None if _is_control() else _serve(drill))
    app.after_request(_send_outcomes)
    app.register_error_handler(MemoryError, _lose_the_process)
    return app


def _admit() -> None:
    given = request.headers.get("X-Eastwind-Key", "")
    if not hmac.compare_digest(given.encode(), place.key().encode()):
        abort(Response("the platform's key is needed\n", 403, mimetype="text/plain"))


def _is_control() -> bool:
    return request.path.startswith(CONTROL)


def _serve(drill: Drill) -> Response | None:
    faults.count_request()
    who = context.enter(request)
    faults.tag(place.slug(), place.flag(), who.arm)
    return drill.perform()


def _send_outcomes(response: Response) -> Response:
    header = context.outcomes_header()
    if header and response.status_code < 400:
        response.headers["X-Eastwind-Outcomes"] = header
    return response


def _lose_the_process(_: MemoryError) -> NoReturn:
    os.write(2, b"out of memory: this experiment ends here\n")  # allocates nothing
    os._exit(OUT_OF_MEMORY)


def _add_control(app: Flask, drill: Drill) -> None:
    @app.get(f"{CONTROL}health")
    def eastwind_health() -> dict[str, str]:
        return {"status": "ok", "slug": place.slug(), "build": place.build()}

    @app.get(f"{CONTROL}counts")
    def eastwind_counts() -> dict[str, int]:
        return faults.counts()

    @app.route(f"{CONTROL}drill", methods=["GET", "POST"])
    def eastwind_drill() -> tuple[dict[str, str], int]:
        if request.method == "POST":
            body: Any = request.get_json(silent=True)
            kind = body.get("kind") if isinstance(body, dict) else None
            if not drill.switch(kind):
                return {"error": f"kind: one of {', '.join(drill.KINDS)}"}, 400
        return {"kind": drill.kind}, 200
