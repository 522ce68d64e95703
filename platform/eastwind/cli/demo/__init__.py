"""`eastwind demo`: the whole idea once, end to end, with real parts and nothing assumed."""

from eastwind.cli.demo.script import run

__all__ = ["run"]
