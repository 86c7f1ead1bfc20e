import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from itertools import count

import numpy as np
import pytest

from benchmarks.load.cpu import tree_cpu_seconds
from benchmarks.load.outcome import DROPPED, UNANSWERED, Outcome, joined, make_report
from benchmarks.load.plan import (
    Address,
    Answer,
    Request,
    address_of,
    fixed_times,
    poisson_times,
)
from benchmarks.load.run import Manner, Target, run_load


@pytest.fixture
def echo() -> Iterator[str]:
    """URL of a server in another thread that answers every POST with its own body."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    ports: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(size)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (size, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    stop = asyncio.Event()

    async def run() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            ports.append(server.sockets[0].getsockname()[1])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    ready.wait()
    yield f"http://127.0.0.1:{ports[0]}"
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def says(answer: Answer, expected: bytes) -> bool:
    return answer.body == expected


def test_two_processes_send_one_plan_and_check_it(echo: str) -> None:
    plan = (
        Request("POST", "/", {"X-Number": str(number)}, b"%d" % number,
                partial(says, expected=b"%d" % (number if number != 7 else 8)))
        for number in count()
    )  # fmt: skip
    target = Target(echo, plan, {"all": os.getpid()})
    manner = Manner(connections=4, processes=2, keeps_bodies=True)
    report = run_load(target, fixed_times(1000, 0.02), seconds=0.02, manner=manner)
    assert (report.requests, report.statuses, report.failed) == (20, {200: 20}, 1)
    assert report.wrong == 1  # the seventh, which expects another body
    assert report.bodies == [b"%d" % number for number in range(20)]
    assert 0 < report.p50_ms <= report.p99_ms <= report.max_ms < np.inf
    assert report.generator_cpu_ms > 0
    assert report.cpu_ms["all"] >= 0
    # the plan goes on where it stood
    assert next(plan).body == b"20"


def test_a_plan_that_ends_early_is_refused(echo: str) -> None:
    with pytest.raises(ValueError, match="2 requests left; 5 are needed"):
        run_load(Target(echo, [Request("GET", "/")] * 2), fixed_times(5, 1), seconds=1)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:80",
        "http://bank.example:80",
        "http://localhost:80",
        "https://127.0.0.1:443",
        "http://127.0.0.1",
        "http://0.0.0.0:80",
    ],
)
def test_load_goes_to_this_machine_only(url: str) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        address_of(url)


def test_both_loopback_families_are_this_machine() -> None:
    assert str(address_of("http://[::1]:8000")) == "[::1]:8000"
    assert str(address_of("http://127.0.0.2:8000/v1")) == "127.0.0.2:8000"


def test_a_request_is_put_into_bytes() -> None:
    request = Request("POST", "/v1/ratings", {"Idempotency-Key": "k"}, b"{}")
    assert request.wire(Address("127.0.0.1", 80)) == (
        b"POST /v1/ratings HTTP/1.1\r\nHost: 127.0.0.1:80\r\nIdempotency-Key: k\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )
    with pytest.raises(ValueError, match="cannot send HEAD"):
        Request("HEAD", "/").wire(Address("127.0.0.1", 80))


def test_independent_callers_come_at_the_rate() -> None:
    times = poisson_times(200, 50, np.random.default_rng(7))
    gaps = np.diff(times)
    assert (len(times), times[0]) == (10_000, 0.0)
    assert (gaps > 0).all()
    # Exponential distances: mean and standard deviation are both 1 / 200; 10,000 of them, ± 4 %.
    assert gaps.mean() == pytest.approx(1 / 200, rel=0.04)
    assert gaps.std() == pytest.approx(1 / 200, rel=0.04)


def outcome(due: list[float], ended: list[float], status: list[int]) -> Outcome:
    return Outcome(
        due=np.array(due),
        sent=np.array(due) + 0.001,
        ended=np.array(ended),
        status=np.array(status, dtype=np.int64),
        bodies=[str(moment).encode() for moment in due],
        cpu_s=0.002,
    )


def test_figures_count_from_the_due_time_over_all_requests() -> None:
    first = outcome([0.0, 0.2], [0.010, 0.230], [200, 500])
    second = outcome([0.1, 0.3], [0.120, np.nan], [200, UNANSWERED])
    both = joined([first, second])
    assert both.bodies == [b"0.0", b"0.1", b"0.2", b"0.3"]
    report = make_report(both, seconds=0.2, cpu_s={"server": 0.4})
    # latencies 10, 20, 30 ms and never
    assert report.p50_ms == pytest.approx(30.0)  # of an even number the upper middle
    assert report.max_ms == np.inf
    assert report.statuses == {200: 2, 500: 1}
    # 4 due in 0.2 s; answered by then: at 0.010 and 0.120
    assert (report.offered_rate, report.achieved_rate) == (20.0, 10.0)
    assert report.late_p99_ms == pytest.approx(1.0)
    assert report.generator_cpu_ms == pytest.approx(1.0)  # 2 x 2 ms / 4
    assert report.cpu_ms == {"server": pytest.approx(100.0)}  # 400 ms / 4


def test_a_starved_generator_is_noticed() -> None:
    calm = outcome([0.0], [0.01], [200])
    late = Outcome(calm.due, calm.due + 0.0021, calm.ended, np.array([DROPPED]))
    assert make_report(calm, seconds=1.0).generator_kept_up
    assert not make_report(late, seconds=1.0).generator_kept_up


def test_the_time_of_a_child_that_has_ended_is_kept() -> None:
    before = tree_cpu_seconds(os.getpid())
    burn = "import time\nwhile time.process_time() < 0.15: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    # 10 ms ticks: what the child used, less one tick for each figure
    assert tree_cpu_seconds(os.getpid()) - before >= 0.13


def test_a_process_that_is_not_there_cannot_be_measured() -> None:
    with pytest.raises(ProcessLookupError, match="no process 4194305"):
        tree_cpu_seconds(4_194_305)  # one above the largest Linux gives
