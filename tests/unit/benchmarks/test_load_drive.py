"""The driver against a server that answers on command, both on one loop of this process."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic

import numpy as np
import pytest

from benchmarks.load.drive import Driver
from benchmarks.load.outcome import DROPPED, MALFORMED, UNANSWERED, Outcome, make_report
from benchmarks.load.plan import Address, Request

Respond = Callable[[str, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def drive(
    respond: Respond,
    paths: Iterable[str],
    times: list[float],
    *,
    connections: int = 1,
    patience_s: float = 30.0,
) -> Outcome:
    """Load a server whose answer to a path is `respond`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await respond(head.split()[1].decode(), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        wires = [Request("GET", path).wire(address) for path in paths]
        driver = Driver(
            address, wires, np.array(times), connections=connections, patience_s=patience_s
        )
        await driver.connect()
        outcome = await driver.run(monotonic())
    await asyncio.sleep(0)  # lets the closed connections be told
    return outcome


async def at_once(path: str, writer: asyncio.StreamWriter) -> None:
    if path == "/drop":
        writer.close()
    elif path == "/half":
        writer.write(OK[:-1])
        writer.close()
    elif path == "/noise":
        writer.write(b"220 smtp ready\r\n\r\n")
    elif path == "/last":
        writer.write(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        writer.close()
    elif path == "/chunks":
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n" + b"one\r\n")
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"4\r\n two\r\n0\r\n\r\n")
    elif path != "/never":
        writer.write(OK)


def test_waiting_in_line_counts_from_the_due_time() -> None:
    async def hold_first(path: str, writer: asyncio.StreamWriter) -> None:
        if path == "/0":
            await asyncio.sleep(0.03)  # the only sleep: until all three are due
        writer.write(OK)

    outcome = asyncio.run(drive(hold_first, ["/0", "/1", "/2"], [0.0, 0.001, 0.002]))
    assert outcome.status.tolist() == [200, 200, 200]
    # Two requests found the only connection taken, were taken up all the same when they were due …
    assert outcome.waited == 2
    assert (outcome.sent >= outcome.due).all()
    # … and are charged for the rest of the 30 ms as well, though their own answers took no time.
    latency = outcome.ended - outcome.due
    assert (latency >= [0.030, 0.029, 0.028]).all()
    assert (np.diff(outcome.ended) > 0).all()


def test_a_broken_connection_is_counted_and_replaced() -> None:
    paths = ["/a", "/drop", "/b", "/half", "/noise", "/c", "/last", "/d"]
    outcome = asyncio.run(drive(at_once, paths, [0.0] * len(paths)))
    assert outcome.status.tolist() == [200, DROPPED, 200, DROPPED, MALFORMED, 200, 200, 200]
    report = make_report(outcome, seconds=1.0)
    assert (report.dropped, report.malformed, report.failed) == (2, 1, 3)
    # 3 of 8 have no answer, so the slowest eighth is infinitely late and the median is not.
    assert report.max_ms == report.p90_ms == np.inf
    assert report.p50_ms < np.inf


def test_a_stalled_server_leaves_requests_unanswered() -> None:
    paths = ["/a", "/never", "/never", "/b"]
    outcome = asyncio.run(drive(at_once, paths, [0.0] * 4, connections=2, patience_s=0.05))
    # /a frees its connection for the second /never; /b stays in line.
    assert sorted(outcome.status.tolist()) == [UNANSWERED, UNANSWERED, UNANSWERED, 200]
    assert make_report(outcome, seconds=1.0).unanswered == 3


def test_a_server_that_has_gone_costs_refusals_not_the_run() -> None:
    async def run() -> Outcome:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        wire = Request("GET", "/").wire(address)
        driver = Driver(address, [wire], np.zeros(1), connections=1, patience_s=0.1)
        await driver.connect()
        server.close()
        return await driver.run(monotonic() + 0.05)

    outcome = asyncio.run(run())
    assert outcome.status.tolist() in ([UNANSWERED], [DROPPED])
    assert outcome.refused > 0


def test_chunks_are_put_together() -> None:
    outcome = asyncio.run(drive(at_once, ["/chunks", "/a", "/chunks"], [0.0] * 3))
    assert outcome.bodies == [b"one two", b"ok", b"one two"]


def test_nobody_there_is_said_before_the_run() -> None:
    async def run() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        server.close()
        await server.wait_closed()
        await Driver(address, [b""], np.zeros(1), connections=1, patience_s=1.0).connect()

    with pytest.raises(OSError, match="Connect call failed"):
        asyncio.run(run())
