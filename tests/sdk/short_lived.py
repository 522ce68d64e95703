"""A child process that asks once and ends: what it saw must not end with it.

    python short_lived.py URL FOLDER
"""

import multiprocessing
import sys

from eastwind_sdk import Flags

flags = Flags(sys.argv[1], "token", "billing", mode="polling", folder=sys.argv[2])


def work(unit: str) -> None:
    flags.is_enabled("bill", {"userId": unit}, experiment="outage-lookup")


if __name__ == "__main__":
    work("parent")
    children = [multiprocessing.get_context("fork").Process(target=work, args=(f"child{n}",)) for n in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(timeout=20)
