"""Stands where a utility's billing, metering and outage systems stand.

A system of its own: it knows nothing of the platform, which reaches it over HTTP alone.

    python -m backoffice sample --customers 20000 --seed 1 --out DIR
    python -m backoffice serve --data DIR --port 8081
"""

from backoffice.build import build

__all__ = ["build"]
