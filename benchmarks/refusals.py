"""From a revocation to the refusal of the bank that goes on asking, over HTTP."""

import random
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.callers import Headers
from benchmarks.load.answers import AnswerReader
from benchmarks.load.plan import Answer, Request, address_of
from benchmarks.our_ledger import Firm

#: The bank asks on so many connections at once.
ASKERS = 2
#: Requests begun after the revocation's answer, before a leak is taken as lasting.
_MOST_LEAKS = 100
_LONGEST_WAIT_S = 0.01
_REFUSED = 403


@dataclass
class Refusals:
    """What came of revocations while the bank asked in a loop.

    Attributes
    ----------
    seconds : list of float
        From the revocation's answer to the first refusal of a request that was begun after it, one a
        revocation and asker [s].
    leaks : int
        Requests begun after the revocation's answer and let through.
    looks, seen : int
        All requests of the bank, and those let through, which were begun before.
    """

    seconds: list[float] = field(default_factory=list[float])
    leaks: int = 0
    looks: int = 0
    seen: int = 0


@dataclass
class _Revocation:
    """When its answer had come; None before."""

    answered: float | None = None


class _Line:
    """One connection that is asked one thing after the other."""

    def __init__(self, url: str) -> None:
        self.address = address_of(url)
        self.socket = socket.create_connection((self.address.host, self.address.port), 10)
        self.reader = AnswerReader()

    def ask(self, wire: bytes) -> Answer:
        self.socket.sendall(wire)
        while True:
            data = self.socket.recv(65536)
            if not data:
                raise RuntimeError("The service closed a connection in work.")
            answer = self.reader.feed(data)
            if answer is not None:
                return answer


def measure_refusals(
    url: str, bank: Headers, firms: Sequence[Firm], rng: random.Random
) -> Refusals:
    """Revoke one consent after the other, each at a random moment of the bank's asking."""
    done = Refusals()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(ASKERS))
        lines = [_Line(url) for _ in range(ASKERS + 1)]
        for line in lines:
            stack.enter_context(line.socket)
        *asking, owner = lines
        for firm in firms:
            _one(firm, bank, asking, owner, pool, rng, done)
    return done


def _one(
    firm: Firm,
    bank: Headers,
    asking: Sequence[_Line],
    owner: _Line,
    pool: ThreadPoolExecutor,
    rng: random.Random,
    done: Refusals,
) -> None:
    revocation = _Revocation()
    looks = [pool.submit(_keep_asking, line, firm.look(bank), revocation) for line in asking]
    time.sleep(rng.uniform(0, _LONGEST_WAIT_S))
    answer = owner.ask(firm.revoke().wire(owner.address))
    revocation.answered = time.monotonic()
    if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
        raise RuntimeError(f"a revocation was answered with {answer.status}")
    for look in looks:
        _count(look.result(), revocation.answered, done)


def _keep_asking(
    line: _Line, request: Request, revocation: _Revocation
) -> list[tuple[float, float, int]]:
    """Begin, end and status of each request, until one begun after the revocation is refused."""
    wire, asked = request.wire(line.address), list[tuple[float, float, int]]()
    late = 0
    while late < _MOST_LEAKS:
        is_late = revocation.answered is not None
        begun = time.monotonic()
        status = line.ask(wire).status
        asked.append((begun, time.monotonic(), status))
        late += is_late
        if is_late and status == _REFUSED:
            break
    return asked


def _count(asked: Sequence[tuple[float, float, int]], answered: float, done: Refusals) -> None:
    late = [(ended, status) for begun, ended, status in asked if begun > answered]
    done.looks += len(asked)
    done.seen += sum(status != _REFUSED for *_, status in asked)
    done.leaks += sum(status != _REFUSED for _, status in late)
    done.seconds += [next(ended for ended, status in late if status == _REFUSED) - answered]
