"""Going down: open streams would keep a server waiting until it kills them."""

import signal
import socket
import threading

from eastwind.web.unleash.wire import Wire

_ENDS = {signal.SIGTERM, signal.SIGINT}


def end_on_signal(wire: Wire) -> None:
    """On SIGTERM or SIGINT, end all streams at once, telling clients when to come back, and write what was noted.

    Call it once, in the main thread. A server that sets signal handlers of its own afterwards keeps them: what is
    listened to is the wake-up descriptor beside them.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(wire, ours, theirs), name="ending", daemon=True).start()


def _listen(wire: Wire, ours: socket.socket, _theirs: socket.socket) -> None:
    # `_theirs` is held only so that it stays open.
    while not _ENDS & set(ours.recv(16)):
        pass
    for notes in (wire.arrivals, wire.usage):  # first, while the open streams still hold the process up
        notes.stop()
    wire.publisher.stop()
