"""A service that makes its `Flags` once and forks: one JSON line for each child's first state and each change.

    python forking_service.py URL TOKEN FLAG MODE FOLDER asks-before|asks-only-after
"""

import json
import os
import sys
import time

from eastwind_sdk import Flags


def main(url: str, token: str, flag: str, mode: str, folder: str, when: str) -> None:
    flags = Flags(url, token, "billing", instance="host", mode=mode, refresh=1, report=1, folder=folder)
    if when == "asks-before":
        assert flags.ready() and flags.is_enabled(flag, {"userId": "1"})
    children = [pid for pid in (os.fork(), os.fork()) if pid]
    last = None
    while os.getppid() != 1:  # for ever, but not after the test
        enabled = flags.is_enabled(flag, {"userId": "1"})
        if enabled != last:
            line = {"pid": os.getpid(), "enabled": enabled, "parent": len(children) == 2}
            os.write(1, (json.dumps(line) + "\n").encode())
            last = enabled
        time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
