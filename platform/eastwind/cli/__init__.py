"""`eastwind …`: the command line. One file for each group of verbs."""

from eastwind.cli.entry import main

__all__ = ["main"]
