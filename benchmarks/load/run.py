"""Load one service at one rate."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import IO

from benchmarks.load.cpu import tree_cpu_seconds
from benchmarks.load.outcome import Outcome, Report, joined, make_report
from benchmarks.load.plan import FloatArray, Request, address_of
from benchmarks.load.worker import READY, Job
from benchmarks.setting import ROOT

#: From the word to start until the first request is due [s].
_LEAD_S = 0.05


@dataclass(frozen=True)
class Target:
    """A service that is up.

    Parameters
    ----------
    url : str
        `http://127.0.0.1:port`.
    plan : iterable of Request
        Taken from as requests become due, so an iterator goes on from run to run.
    pids : mapping of str to int
        Processes whose CPU is watched, each with all it started, e.g. `{"server": …, "database": …}`.
    """

    url: str
    plan: Iterable[Request]
    pids: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Manner:
    """How load is sent.

    Parameters
    ----------
    connections : int
        Kept open, over all processes.
    processes : int
        Of the generator.
    patience_s : float
        How long after the last due time answers are waited for.
    keeps_bodies : bool
        Whether the report holds the answers.
    """

    connections: int = 64
    processes: int = 1
    patience_s: float = 2.0
    keeps_bodies: bool = False


def run_load(
    target: Target, times: FloatArray, *, seconds: float, manner: Manner | None = None
) -> Report:
    """Send the next requests of the plan at their times and report.

    Parameters
    ----------
    target : Target
    times : ndarray of shape (n,)
        Due times after the start, ascending [s]; see `fixed_times` and `poisson_times`.
    seconds : float
        Length of the time they are spread over.
    manner : Manner, optional

    Raises
    ------
    ValueError
        If the service is not on this machine, or the plan has fewer requests than times.
    RuntimeError
        If a generator process fails, for one because nobody listens.
    """
    jobs = _jobs(target, times, manner or Manner())
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(job)) for job in jobs]
        for worker in workers:
            worker.await_ready()
        before = {name: tree_cpu_seconds(pid) for name, pid in target.pids.items()}
        start = monotonic() + _LEAD_S
        for worker in workers:
            worker.start(start)
        outcomes = [worker.outcome() for worker in workers]
    used = {name: tree_cpu_seconds(pid) - before[name] for name, pid in target.pids.items()}
    return make_report(joined(outcomes), seconds=seconds, cpu_s=used)


def _jobs(target: Target, times: FloatArray, manner: Manner) -> list[Job]:
    address = address_of(target.url)
    requests = list(islice(target.plan, len(times)))
    if len(requests) < len(times):
        raise ValueError(f"The plan has {len(requests)} requests left; {len(times)} are needed.")
    shares = [slice(first, None, manner.processes) for first in range(manner.processes)]
    return [
        Job(
            address=address,
            wires=[request.wire(address) for request in requests[share]],
            checks=[request.check for request in requests[share]],
            times=times[share],
            connections=max(1, manner.connections // manner.processes),
            patience_s=manner.patience_s,
            keeps_bodies=manner.keeps_bodies,
        )
        for share in shares
    ]


class _Worker:
    """A generator process, ended with its `with` block."""

    def __init__(self, job: Job) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load.worker"],
            cwd=ROOT,
            # A check may be of any module that the caller could import.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._orders, self._answers = _pipe(self._process.stdin), _pipe(self._process.stdout)
        told = pickle.dumps(job)
        self._orders.write(b"%d\n%b" % (len(told), told))
        self._orders.flush()

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._orders, self._answers):
            pipe.close()

    def await_ready(self) -> None:
        if self._answers.readline() != READY:
            raise RuntimeError("A load generator could not connect to the service; is it up?")

    def start(self, moment: float) -> None:
        self._orders.write(f"{moment!r}\n".encode())
        self._orders.flush()

    def outcome(self) -> Outcome:
        told = self._answers.read()
        if self._process.wait() != 0:
            raise RuntimeError(
                f"A load generator ended with {self._process.returncode} before its answer."
            )
        outcome: Outcome = pickle.loads(told)  # noqa: S301 - our own process wrote it
        return outcome


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("A load generator was started without pipes.")
    return pipe
