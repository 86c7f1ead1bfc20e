"""Services started for a measurement, and ended with everything they started."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import sleep
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.load.plan import address_of
from benchmarks.setting import ROOT

_LOOK_S = 0.05
_END_S = 30.0

Process = subprocess.Popen[bytes]


def start_service(
    command: Sequence[str | Path],
    *,
    log: Path,
    variables: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Process:
    """Start a service as the leader of a process group of its own; what it says goes to `log`."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=os.environ | dict(variables or {}),
            start_new_session=True,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def end_service(process: Process, *, how: signal.Signals = signal.SIGTERM) -> None:
    """End a process of `start_service` and all it started; kill what does not end in time."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived it
    except ProcessLookupError:
        return


def await_up(url: str, process: Process, *, patience_s: float = 120.0) -> None:
    """Wait until a URL of this machine answers 200.

    Raises
    ------
    ValueError
        If the URL is not of this machine.
    RuntimeError
        If the process ends first, or patience does.
    """
    address_of(url)
    for _ in range(int(patience_s / _LOOK_S)):
        if process.poll() is not None:
            raise RuntimeError(
                f"The service for {url} ended with {process.returncode}; see its log."
            )
        try:
            with urlopen(url, timeout=1) as answer:  # noqa: S310 - checked to be our own
                answer.read()
        except (URLError, OSError):
            sleep(_LOOK_S)
        else:
            return
    raise RuntimeError(f"Nothing answered at {url} within {patience_s:g} s; see its log.")
