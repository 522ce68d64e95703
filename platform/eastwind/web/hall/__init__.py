"""The hall: what a customer sees. Whatever breaks behind it, there is a page, in time, and never a 5xx."""

from eastwind.web.hall.backoffice import Backoffice
from eastwind.web.hall.pages import blueprint
from eastwind.web.hall.sign_in import enter_token

__all__ = ["Backoffice", "blueprint", "enter_token"]
