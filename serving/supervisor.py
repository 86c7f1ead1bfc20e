"""The parent of the workers and of the upkeep: starts them, replaces who dies, stops all in order.

uvicorn's own supervisor knows only workers, and its workers outlive a killed parent.
"""

import contextvars
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from structlog.typing import FilteringBoundLogger

from serving.errors import ServiceStartError

POLL_SECONDS = 0.1
#: A part that has run this long counts as sound [s].
SOUND_SECONDS = 10.0
#: Pauses before a part that died is started again; after the last the service gives up [s].
PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
#: How long a part may take to stop before it is killed [s].
STOP_SECONDS = 12.0

_CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass
class Part:
    """A process that has to run.

    Attributes
    ----------
    module : str
        What `python -m` runs.
    environment : mapping
        All of its environment.
    descriptors : sequence of int
        Open files it is given.
    """

    name: str
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    descriptors: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    failures: int = 0

    def start(self) -> None:
        """Start it; it notices our end by the pipe that is its standard input."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-m", self.module, *self.arguments],
            cwd=_CHECKOUT,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            pass_fds=self.descriptors,
            start_new_session=True,
        )


@dataclass
class Supervisor:
    """Keeps all parts running until it is told to stop.

    Attributes
    ----------
    parts : sequence of Part
        In the order in which they are stopped.
    on_death : callable
        Told the number of each process that ended.
    before_stop : callable
        Called when the stop begins, before any part hears of it.
    """

    parts: Sequence[Part]
    log: FilteringBoundLogger
    on_death: Callable[[int], None] = lambda _: None
    before_stop: Callable[[], None] = lambda: None
    _told: threading.Event = field(default_factory=threading.Event)

    def run(self, when_started: Callable[[], None] = lambda: None) -> None:
        """Start everything; return when all has stopped after a signal.

        Parameters
        ----------
        when_started : callable
            Called beside, once all were started; it may wait for an answer of theirs.

        Raises
        ------
        ServiceStartError
            If a part dies again and again.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)
        try:
            for part in self.parts:
                part.start()
            beside = contextvars.copy_context()  # the language of the run is kept there
            threading.Thread(target=beside.run, args=[when_started], daemon=True).start()
            while not self._told.wait(POLL_SECONDS):
                for part in self.parts:
                    self._look_after(part)
        finally:
            self.before_stop()
            self._stop_all()

    def stop(self) -> None:
        """As if a signal had come."""
        self._told.set()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stop()

    def _look_after(self, part: Part) -> None:
        now = time.monotonic()
        if part.process is None:
            if now >= part.due:
                part.start()
            return
        code = part.process.poll()
        if code is None:
            return
        self._bury(part, code)
        part.failures = 1 if now - part.started > SOUND_SECONDS else part.failures + 1
        if part.failures > len(PAUSES):
            raise ServiceStartError(
                en=f"The part '{part.name}' ended {part.failures} times in a row (last code {code}). The service stops; its log says why.",
                zh=f"部件“{part.name}”连续退出 {part.failures} 次（最后退出码 {code}）。服务停止，原因见日志。",
            )
        part.due = now + PAUSES[part.failures - 1]

    def _bury(self, part: Part, code: int) -> None:
        if part.process is None:
            return
        self.log.warning("part.ended", part=part.name, exit_code=code, pid=part.process.pid)
        self.on_death(part.process.pid)
        if part.process.stdin is not None:
            part.process.stdin.close()
        part.process = None

    def _stop_all(self) -> None:
        """Workers first, all at once; then, one after the other, what they may have left to do."""
        names = list(dict.fromkeys(part.name for part in self.parts))
        for name in names:
            group = [part for part in self.parts if part.name == name and part.process is not None]
            for part in group:
                _signal(part, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            for part in group:
                _wait(part, deadline)


def _signal(part: Part, number: int) -> None:
    if part.process is not None and part.process.poll() is None:
        part.process.send_signal(number)


def _wait(part: Part, deadline: float) -> None:
    if part.process is None:
        return
    try:
        part.process.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        part.process.kill()
        part.process.wait()
    if part.process.stdin is not None:
        part.process.stdin.close()
    part.process = None
