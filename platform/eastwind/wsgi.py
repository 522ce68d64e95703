"""The front door for a WSGI server: `eastwind.wsgi:app`."""

from eastwind.app import build, create_app
from eastwind.settings import load
from eastwind.web.unleash import end_on_signal

_house = build(load())
app = create_app(_house)
end_on_signal(_house.wire)
