"""An answer in WSGI's own words, which both the thin layer in front of Flask and the views behind it can give."""

from dataclasses import dataclass

from flask import Response


@dataclass(frozen=True, slots=True)
class Plain:
    """Status line, headers and body."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def response(self) -> Response:
        """As Flask wants it."""
        made = Response(self.body, self.status)
        made.headers.clear()
        made.headers.extend(self.headers)
        return made
