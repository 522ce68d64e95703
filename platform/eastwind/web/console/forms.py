"""What people fill in. A form says what was wrong field by field, in the reader's language."""

import re
from decimal import Decimal

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField, TextAreaField

from eastwind.errors import Invalid, Problem, msg

# A percent sign, in either width, is what people type; exponents and signs are what nobody does.
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)\s*[%％]?", re.ASCII)
_BETWEEN = re.compile(r"[\s,;，；、]+")


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password."""

    name = StringField()
    password = PasswordField()


class ShareForm(FlaskForm):  # type: ignore[misc]
    """A share of all customers, in percent."""

    share = StringField()

    def percent(self) -> Decimal:
        """The share. Raises `Invalid`."""
        found = _SHARE.fullmatch((self.share.data or "").strip())
        if not found:
            raise Invalid(Problem("share", msg("must be a number of percent, such as 0.1 or 5")))
        return Decimal(found[1])


class OpenForm(ShareForm):
    """A share, and customers let in by name."""

    pilots = TextAreaField()

    def named(self) -> tuple[str, ...] | None:
        """The account numbers, each once, in the order written; None if the field was not sent at all."""
        if self.pilots.name not in self._sent():
            return None
        words = _BETWEEN.split((self.pilots.data or "").strip())
        return tuple(dict.fromkeys(w for w in words if w))

    def _sent(self) -> set[str]:
        return {field.name for field in self if field.raw_data}
