"""However the supervisor ends, the groups it did not take leave of end with it."""

import os
import signal
import subprocess
import time

import psutil
import pytest

from eastwind.host.warden import Warden


def a_sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "30"], start_new_session=True)


def test_warden__closed__kills_what_was_not_forgotten() -> None:
    warden, kept, forgotten = Warden(), a_sleeper(), a_sleeper()
    try:
        warden.watch(kept.pid)
        warden.watch(forgotten.pid)
        warden.forget(forgotten.pid)
        warden.close()
        assert kept.wait(2) == -signal.SIGKILL
        with pytest.raises(subprocess.TimeoutExpired):
            forgotten.wait(0.2)
    finally:
        kept.kill()
        forgotten.kill()


def test_warden__killed_itself__another_is_told_everything() -> None:
    warden, first, second = Warden(), a_sleeper(), a_sleeper()
    try:
        warden.watch(first.pid)
        os.kill(warden.pid, signal.SIGKILL)
        while psutil.Process(warden.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        warden.watch(second.pid)
        warden.close()
        assert (first.wait(2), second.wait(2)) == (-signal.SIGKILL, -signal.SIGKILL)
    finally:
        first.kill()
        second.kill()
