"""The front door for a WSGI server: `eastwind.wsgi:app`."""

from eastwind.app import build, create_app
from eastwind.settings import load

app = create_app(build(load()))
