"""Prepare the database that the settings name: schema, environments, the tokens in INIT_*_API_TOKENS, and BENCH_FLAGS
flags, all in one transaction: thousands of calls would take minutes.
"""

import os

from eastwind.app import House, build
from eastwind.audit import SYSTEM, record
from eastwind.cli.first_start import take_over_tokens
from eastwind.clock import now
from eastwind.db.migrate import upgrade
from eastwind.flags import Feature, store
from eastwind.settings import load, secret_key


def main() -> None:
    """Prepare it."""
    house = build(load())
    secret_key(house.settings)
    upgrade(house.db)
    house.flags.ensure_defaults()
    take_over_tokens(house, os.environ)
    count = int(os.environ.get("BENCH_FLAGS", "0"))
    if count:
        _fill(house, count)


def _fill(house: House, count: int) -> None:
    conditions = [{"contextName": "userId", "operator": "NOT_IN", "values": ["11", "12", "13"]},
                  {"contextName": "channel", "operator": "IN", "values": ["web", "wechat"]}]
    with house.db.write() as tx:
        for number in range(count):
            name = f"load-{number:05d}"
            strategy = {"id": name, "name": "flexibleRollout", "constraints": conditions,
                        "parameters": {"rollout": "50", "stickiness": "default", "groupId": name}}
            state = {"environment": "development", "enabled": True, "strategies": [strategy]}
            store.save(tx, Feature.model_validate({
                "name": name, "type": "kill-switch", "created_at": now(), "environments": {"development": state}}))
        record(tx, SYSTEM, "features-imported", room="flags", subject="", after={"features": count}, at=now())


if __name__ == "__main__":
    main()
