"""What every page and answer has in common: sessions, sign-in, CSRF, safe headers, bounded bodies."""

from datetime import timedelta

from flask import Flask, Response
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

from eastwind.errors import Unavailable
from eastwind.people import People, User
from eastwind.settings import Settings, secret_key
from eastwind.web import language, problems

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin", "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
}
# One protection for the whole app; blueprints that take tokens instead of cookies are exempt.
csrf = CSRFProtect()


class SignedIn:
    """A `User` as Flask-Login wants it; all else is the user's own."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, user: User) -> None:
        self.user = user
        self.language = user.language

    def get_id(self) -> str:
        """The id kept in the session."""
        return str(self.user.id)


def init(app: Flask, settings: Settings, people: People) -> None:
    """Configure `app` for people: must run before blueprints are registered."""
    app.config.update(
        SECRET_KEY=secret_key(settings), MAX_CONTENT_LENGTH=settings.max_body_kb * 1024,
        SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_NAME="eastwind",
        SESSION_COOKIE_SECURE=settings.mode == "production", PERMANENT_SESSION_LIFETIME=timedelta(hours=8),
        WTF_CSRF_TIME_LIMIT=None, EASTWIND_TRANSLATIONS=app.root_path + "/web/translations",
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    csrf.init_app(app)
    _sign_in(app, people)
    language.init(app)
    problems.init(app)
    app.after_request(_safe)


def _sign_in(app: Flask, people: People) -> None:
    manager = LoginManager(app)
    manager.login_view = "console.sign_in"
    manager.session_protection = "basic"

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(number: str) -> SignedIn | None:
        try:
            user = people.user(int(number)) if number.isdigit() else None
        except Unavailable:  # nobody is signed in while that cannot be known; pages for everybody still work
            return None
        return SignedIn(user) if user else None


def _safe(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
