"""One generator process: reads its job, says that it is ready, is told when to start, answers."""

import gc
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import process_time
from typing import BinaryIO

import uvloop

from benchmarks.load.drive import Driver
from benchmarks.load.outcome import Outcome
from benchmarks.load.plan import Address, Answer, Check, FloatArray

READY = b"ready\n"


@dataclass(frozen=True)
class Job:
    """What one process is to send; see `Driver` for the words."""

    address: Address
    wires: Sequence[bytes]
    checks: Sequence[Check]
    times: FloatArray
    connections: int
    patience_s: float
    keeps_bodies: bool = False


async def _drive(job: Job, orders: BinaryIO, answers: BinaryIO) -> Outcome:
    driver = Driver(
        job.address,
        job.wires,
        job.times,
        connections=job.connections,
        patience_s=job.patience_s,
    )
    await driver.connect()
    answers.write(READY)
    answers.flush()
    start = float(orders.readline())
    used = process_time()
    outcome = await driver.run(start)
    return replace(outcome, cpu_s=process_time() - used)


def judged(outcome: Outcome, job: Job) -> Outcome:
    """Run the checks, and let go of bodies nobody wants to see."""
    wrong = sum(
        body is not None and not check(Answer(status, body))
        for status, body, check in zip(
            outcome.status.tolist(), outcome.bodies, job.checks, strict=True
        )
    )
    return replace(outcome, wrong=wrong, bodies=outcome.bodies if job.keeps_bodies else ())


def main(orders: BinaryIO, answers: BinaryIO) -> None:
    """Run one job from one pipe to the other."""
    size = int(orders.readline())
    job: Job = pickle.loads(orders.read(size))  # noqa: S301 - by the process that started this one
    gc.collect()
    gc.freeze()
    gc.disable()  # a pause of the collector would be charged to the service
    outcome = uvloop.run(_drive(job, orders, answers))
    gc.enable()
    answers.write(pickle.dumps(judged(outcome, job)))
    answers.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
