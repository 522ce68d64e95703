"""The official UnleashClient in a process of its own: one JSON line for the first known state and each change.

    python sdk_process.py URL TOKEN FLAG polling|streaming CACHE_FOLDER
"""

import json
import sys
import threading
import time

from UnleashClient import UnleashClient
from UnleashClient.events import UnleashEventType


def main(url: str, token: str, flag: str, mode: str, cache: str) -> None:
    ready = threading.Event()
    client = UnleashClient(
        url=f"{url}/api", app_name="billing", instance_id=f"billing-{mode}", custom_headers={"Authorization": token},
        refresh_interval=1, metrics_interval=1, cache_directory=cache, experimental_mode={"type": mode},
        event_callback=lambda event: ready.set() if event.event_type == UnleashEventType.READY else None)
    client.initialize_client()
    ready.wait(20)
    last = None
    while True:
        enabled = client.is_enabled(flag, {"userId": "1"})
        if enabled != last:
            print(json.dumps({"at": time.time(), "enabled": enabled}), flush=True)
            last = enabled
        time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
