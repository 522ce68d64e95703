"""English and Simplified Chinese from one catalogue. The rooms below hand up `Message`s and know no language."""

from typing import Any

from flask import Flask, g, request, session
from flask_babel import Babel, get_locale, gettext
from flask_login import current_user

from eastwind.errors import Message

LANGUAGES = ("en", "zh")


def init(app: Flask) -> None:
    """Choose a language per request; give templates `say(message)` and `language`."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(app.config["EASTWIND_TRANSLATIONS"])
    Babel(app, locale_selector=choose, default_timezone="Asia/Shanghai")
    app.jinja_env.globals.update(say=say, language=language)


def choose() -> str:
    """The language chosen on the page, else the person's own, else the browser's, else English."""
    chosen = session.get("language") or getattr(current_user, "language", None)
    if chosen in LANGUAGES:
        return str(chosen)
    best = request.accept_languages.best_match(["en", "zh", "zh-CN", "zh-Hans"]) or "en"
    return "zh" if best.startswith("zh") else "en"


def language() -> str:
    """`en` or `zh`, for the page's `lang` and for experiments."""
    return "zh" if str(get_locale()).startswith("zh") else "en"


def say(message: Message | str) -> str:
    """A message in the asker's language. Its parameters are filled in as they are: escape when showing."""
    if isinstance(message, str):
        return message
    text: str = gettext(message.template)
    return text.format(**{k: _part(v) for k, v in message.params.items()}) if message.params else text


def _part(value: Any) -> Any:
    return say(value) if isinstance(value, Message) else value


def remember(chosen: str) -> None:
    """Keep the language that was chosen on a page."""
    if chosen in LANGUAGES:
        session["language"] = chosen
        g.pop("_flask_babel", None)
