"""Workers share what arrives; here two of them in one loop, on one loopback socket."""

import asyncio
import socket
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack

import pytest

from serving.accepting import Accepting, Holdings

ABSENT = 2  # a place whose worker never comes


@pytest.fixture
def shared() -> Generator[tuple[socket.socket, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listening, tempfile.TemporaryFile() as file:
        file.write(Holdings.of_nobody(3))
        file.flush()
        yield listening, file.fileno()


class Held(asyncio.Protocol):
    """Counts itself in one worker's connections."""

    def __init__(self, of_worker: set[asyncio.Protocol]) -> None:
        self._of_worker = of_worker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._of_worker.add(self)

    def close(self) -> None:
        self._transport.close()


def accepted(shared: tuple[socket.socket, int], workers: int, callers: int) -> list[int]:
    """How many connections each of some workers has taken when all callers are in."""
    listening, file = shared
    held: list[set[asyncio.Protocol]] = [set() for _ in range(workers)]

    def factory(mine: set[asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        return lambda: Held(mine)

    async def work() -> list[int]:
        with ExitStack() as stack:
            # Each has the socket under a number of its own, as in processes of their own.
            ears = [stack.enter_context(listening.dup()) for _ in held]
            parts = [
                Accepting(ear, Holdings(file, place), factory(mine), mine.__len__)
                for place, (ear, mine) in enumerate(zip(ears, held, strict=True))
            ]
            for part in parts:
                part.start()
            lines = [
                await asyncio.open_connection(*listening.getsockname()) for _ in range(callers)
            ]
            async with asyncio.timeout(10):
                while sum(map(len, held)) < callers:
                    await asyncio.sleep(0)
            found = [len(mine) for mine in held]
            for part in parts:
                part.close()
            for _, writer in lines:
                writer.close()
                await writer.wait_closed()
            for protocol in set[asyncio.Protocol]().union(*held):
                assert isinstance(protocol, Held)
                protocol.close()
        return found

    return asyncio.run(work())


def test_two_workers_take_equal_parts(shared: tuple[socket.socket, int]) -> None:
    assert accepted(shared, workers=2, callers=20) == [10, 10]


def test_a_worker_that_has_died_keeps_nobody_out(shared: tuple[socket.socket, int]) -> None:
    Holdings(shared[1], ABSENT).tell(0)
    assert accepted(shared, workers=1, callers=3) == [3]


def test_who_stops_is_waited_for_no_more(shared: tuple[socket.socket, int]) -> None:
    mine, other = Holdings(shared[1], 0), Holdings(shared[1], 1)
    mine.tell(7)
    other.tell(3)
    assert mine.fewest == 3
    other.close()
    assert mine.fewest == 7
