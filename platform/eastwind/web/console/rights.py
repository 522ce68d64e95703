"""One decorator between a route and whoever asks: sign-in first, then the one table of rights."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from flask import redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from eastwind.errors import Forbidden, Message, Problem, Unauthenticated, msg
from eastwind.people import RIGHTS, User
from eastwind.web.language import say

Asked = ParamSpec("Asked")
Given = TypeVar("Given")
ROLE_NAMES = {"innovator": msg("innovator"), "manager": msg("manager"), "operator": msg("operator")}
MARK = "eastwind_right"


def needs(right: str) -> Callable[[Callable[Asked, Given]], Callable[Asked, Given | Response]]:
    """Let in those whose role has `right`. Others get the sign-in page, or 403 if they are signed in.

    A script that polls gets 401 instead of the sign-in page.
    """
    if right not in RIGHTS:
        raise LookupError(f"{right} is not in the table of rights")

    def wrap(view: Callable[Asked, Given]) -> Callable[Asked, Given | Response]:
        @wraps(view)
        def guarded(*args: Asked.args, **kwargs: Asked.kwargs) -> Given | Response:
            if not current_user.is_authenticated:
                return _to_sign_in()
            if not me().may(right):
                raise Forbidden(Problem("", msg("your role, {role}, does not include this", role=_role_name(me()))))
            return view(*args, **kwargs)

        setattr(guarded, MARK, right)
        return guarded

    return wrap


def me() -> User:
    """Who is signed in. Only behind `needs`."""
    return cast(User, current_user.user)


def role_name(role: str) -> Message:
    """What people call a role."""
    return ROLE_NAMES.get(role, Message(role))


def _role_name(user: User) -> str:
    return say(role_name(user.role))


def _to_sign_in() -> Response:
    if request.headers.get("Sec-Fetch-Dest") == "empty":
        raise Unauthenticated(Problem("", msg("your sign-in has ended")))
    back = here() if request.method in ("GET", "HEAD") else ""
    return redirect(url_for("console.sign_in", next=back or None), 303)


def here() -> str:
    """The page that is shown, as a path on this site; what a form answered is shown on its experiment's page."""
    if request.method in ("GET", "HEAD"):
        return local_path(request.full_path.rstrip("?"))
    slug = (request.view_args or {}).get("slug")
    environment = request.form.get("environment")
    return url_for("console.experiment", slug=slug, environment=environment) if slug else local_path(request.path)


def local_path(address: Any) -> str:
    """`address` if it leads to a page of this site, else "/". By parsing, so that no spelling leads elsewhere."""
    text = str(address or "")
    if not text.isprintable() or "\\" in text or len(text) > 2000:
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    local = not parts.scheme and not parts.netloc and text.startswith("/") and not text.startswith("//")
    return text if local else "/"
