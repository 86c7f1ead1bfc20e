"""No process of ours outlives its parent: its standard input is a pipe whose other end the parent holds."""

import os
import signal
import threading
import time

#: Time to finish what is in work once the parent is gone [s].
GRACE_SECONDS = 12.0


def end_with_parent() -> None:
    """Ask this process to stop when the parent has gone, and end it if it does not."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while os.read(0, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
