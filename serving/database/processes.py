"""Processes of a data folder: who they are, how they end with their keeper, how they are ended."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1


def of_data_folder(data: Path) -> list[int]:
    """PostgreSQL processes that work in this folder: all of them do, the postmaster included.

    A shell that merely stands there is none of them. Empty where the system shows no processes.
    """
    found: list[int] = []
    for entry in PROC.glob("[0-9]*"):
        try:
            at, program = (entry / "cwd").readlink(), (entry / "exe").readlink()
        except OSError:  # gone, a zombie, or not ours to see
            continue
        if _name(at) == str(data) and _name(program).endswith("/postgres"):
            found.append(int(entry.name))
    return found


def end_all(data: Path, *, within: float = 5.0) -> int:
    """Kill what is left of a server whose keeper is gone; its log brings committed work back.

    Returns
    -------
    int
        How many there were.
    """
    found = of_data_folder(data)
    deadline = time.monotonic() + within
    left = found
    while left and time.monotonic() < deadline:
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
        left = of_data_folder(data)
    return len(found)


def dies_with_parent() -> Callable[[], None]:
    """What a child calls between fork and exec, so that it never outlives this process.

    The system forgets the wish when a process changes its user, so it must be said after that. The
    caller must have one thread only: the wish is tied to the thread that forks.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
    parent = os.getpid()

    def say() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # it died before we could say it

    return say


def _name(link: Path) -> str:
    return str(link).removesuffix(" (deleted)")
