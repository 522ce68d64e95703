"""What the operating system must hold this process to: memory, no core dump, no life after its parent."""

import ctypes
import os
import resource
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8
_MEGABYTE = 1024 * 1024


def apply(memory_mb: int) -> None:
    """Holds this process to `memory_mb` of address space (best effort where the system has no such limit)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _spare_address_space()
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * _MEGABYTE, memory_mb * _MEGABYTE))
    except (ValueError, OSError):
        print(f"no memory limit: this system does not take {memory_mb} MB", file=sys.stderr)


def die_with_parent() -> None:
    """Ends this process when the one that started it has gone, however it went.

    On Linux the kernel does it, when the *thread* that started us ends: start us from one that lives.
    """
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()


def _spare_address_space() -> None:
    """The limit counts what is reserved too: glibc's 64 MB arena for each thread, 8 MB for each stack."""
    if sys.platform == "linux":
        mallopt = getattr(_libc(), "mallopt", None)  # musl has none, and no arenas either
        if mallopt:
            mallopt(_M_ARENA_MAX, 2)
    threading.stack_size(2 * _MEGABYTE)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
