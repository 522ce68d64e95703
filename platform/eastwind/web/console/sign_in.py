"""Signing in and out, and choosing the language."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response

from eastwind.errors import Busy, EastwindError, Problem, Unauthenticated, msg
from eastwind.people import People, User
from eastwind.web import language
from eastwind.web.console.forms import SignInForm
from eastwind.web.console.rights import local_path
from eastwind.web.frame import SignedIn

_MOST_KEYS = 10_000


@dataclass
class Attempts:
    """Counts tries to sign in that failed, and says when there were too many: guessing must be slow.

    Kept in the memory of this process. There is one web process, so that is all of them; a restart forgets, and with
    several web processes each would allow as many. At most `_MOST_KEYS` addresses and names are remembered.
    """

    per_address: int = 10
    per_name: int = 5
    seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, address: str, name: str) -> None:
        """Count a try before it is made, so that many at once cannot slip through. Raises `Busy`."""
        with self._lock:
            self._forget()
            for key, most in self._keys(address, name):
                if len(self._seen.get(key, ())) >= most:
                    raise Busy(Problem("", msg("too many tries; wait a minute and try again")))
            for key, _most in self._keys(address, name):
                self._seen.setdefault(key, deque()).append(self.clock())

    def succeeded(self, address: str, name: str) -> None:
        """The try was right: it does not count."""
        with self._lock:
            for key, _most in self._keys(address, name):
                if self._seen.get(key):
                    self._seen[key].pop()

    def _keys(self, address: str, name: str) -> tuple[tuple[str, int], ...]:
        return (f"address {address}", self.per_address), (f"name {name[:100].casefold()}", self.per_name)

    def _forget(self) -> None:
        since = self.clock() - self.seconds
        for key, times in list(self._seen.items()):
            while times and times[0] <= since:
                times.popleft()
            if not times:
                del self._seen[key]
        while len(self._seen) > _MOST_KEYS:
            del self._seen[next(iter(self._seen))]


def add_routes(blueprint: Blueprint, people: People) -> None:
    """The routes that need no right."""
    attempts = Attempts()

    @blueprint.get("/sign-in")
    def sign_in() -> str | Response:
        if current_user.is_authenticated:
            return redirect(local_path(request.args.get("next")), 303)
        return _page(SignInForm())

    @blueprint.post("/sign-in", endpoint="sign_in_now")
    def sign_in_now() -> Response | tuple[str, int]:
        form, address = SignInForm(), request.remote_addr or ""
        name, password = form.name.data or "", form.password.data or ""
        try:
            attempts.begin(address, name)
            user = people.sign_in(name, password)
        except (Unauthenticated, Busy) as error:
            return _page(form, error), error.status
        attempts.succeeded(address, name)
        _remember(user)
        return redirect(local_path(request.args.get("next")), 303)

    @blueprint.post("/sign-out")
    def sign_out() -> Response:
        logout_user()
        return redirect(url_for("console.sign_in"), 303)

    @blueprint.post("/language")
    def choose_language() -> Response:
        chosen = request.form.get("language", "")
        language.remember(chosen)
        if current_user.is_authenticated:
            people.choose_language(current_user.user, chosen)
        return redirect(local_path(request.form.get("next")), 303)


def _remember(user: User) -> None:
    """A new session for who signed in: nothing that was in the old one, put there by whomever, goes along."""
    chosen = session.get("language")
    session.clear()
    if chosen:
        language.remember(chosen)
    session.permanent = True
    login_user(SignedIn(user))


def _page(form: SignInForm, error: EastwindError | None = None) -> str:
    if error:
        current_app.logger.info("a sign-in was refused: %s", error.code)
    return render_template("console/sign_in.html", form=form, error=error, next=local_path(request.args.get("next")))
