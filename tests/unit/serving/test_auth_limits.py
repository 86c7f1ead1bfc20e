"""Rates: how many requests get through, who shares a count, and what survives."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.access.callers import NOBODY, Caller, Role
from serving.auth.limits import RateLimits, count
from serving.auth.rules import Rate
from serving.errors import TooManyRequestsError

NOON = datetime(2026, 11, 20, 12, 0)


def client(number: int = 7, rate: float = 10.0, burst: int = 5) -> Caller:
    return Caller(Role.CLIENT, id="A-1", number=number, rate_per_second=rate, burst=burst)


@pytest.fixture
def limits(tmp_path: Path) -> Iterator[RateLimits]:
    kept = RateLimits(tmp_path / "run" / "rates")
    yield kept
    kept.close()


def passed(limits: RateLimits, caller: Caller, now: datetime, tries: int, address: str = "") -> int:
    through = 0
    for _ in range(tries):
        try:
            limits.take(caller, now, address)
        except TooManyRequestsError:
            continue
        through += 1
    return through


def test_a_rested_caller_has_its_burst_and_then_its_rate(limits: RateLimits) -> None:
    assert passed(limits, client(), NOON, 20) == 5
    # 10 a second: one each 100 ms, and after 250 ms two.
    assert passed(limits, client(), NOON + timedelta(milliseconds=99), 9) == 0
    assert passed(limits, client(), NOON + timedelta(milliseconds=100), 9) == 1
    assert passed(limits, client(), NOON + timedelta(milliseconds=350), 9) == 2
    assert passed(limits, client(), NOON + timedelta(hours=1), 20) == 5


def test_the_refusal_says_when_to_come_back(limits: RateLimits) -> None:
    slow = client(rate=0.1, burst=1)
    limits.take(slow, NOON)
    with pytest.raises(TooManyRequestsError, match=r"Ask again in 10 s\.") as refused:
        limits.take(slow, NOON)
    assert refused.value.details == {"retry_after_seconds": 10}
    assert passed(limits, slow, NOON + timedelta(seconds=10), 1) == 1


def test_callers_do_not_share_a_count(limits: RateLimits) -> None:
    person = Caller(Role.OWNER, number=7, rate_per_second=10.0, burst=5)
    for caller in (client(7), client(8), person):
        assert passed(limits, caller, NOON, 9) == 5


def test_addresses_are_counted_by_network_and_not_written_down(
    limits: RateLimits, tmp_path: Path
) -> None:
    # 30 at once for one address (rules.yaml); of IPv6 the /64 is one.
    assert passed(limits, NOBODY, NOON, 40, "203.0.113.9") == 30
    assert passed(limits, NOBODY, NOON, 40, "203.0.113.10") == 30
    assert passed(limits, NOBODY, NOON, 20, "2001:db8:1:2::1") == 20
    assert passed(limits, NOBODY, NOON, 20, "2001:db8:1:2:ffff::1") == 10
    kept = (tmp_path / "run" / "rates").read_bytes()
    assert b"203.0.113.9" not in kept
    assert bytes([203, 0, 113, 9]) not in kept


def test_a_clock_set_back_locks_nobody_out(limits: RateLimits) -> None:
    assert passed(limits, client(), NOON, 20) == 5
    yesterday = NOON - timedelta(days=1)
    # As for one whose next request is just allowed: one now, then by its rate again.
    assert passed(limits, client(), yesterday, 20) == 1
    assert passed(limits, client(), yesterday + timedelta(seconds=1), 20) == 5


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=60),
    st.floats(0.5, 100),
    st.integers(1, 20),
)
def test_nobody_waits_longer_than_one_interval_after_a_burst(
    steps: list[float], rate_per_second: float, burst: int
) -> None:
    """Whatever the clock does: the wait is never longer than a whole burst takes."""
    rate = Rate(rate_per_second=rate_per_second, burst=burst)
    due, now = 0.0, 1000.0
    for step in steps:
        now += step
        verdict = count(due, now, rate)
        due = verdict.due
        assert verdict.wait_seconds <= 1 / rate_per_second + 1e-6
        assert due <= now + burst / rate_per_second + 5.0 * len(steps)
    assert count(due, now + burst / rate_per_second, rate).wait_seconds == 0.0


@given(
    st.lists(st.floats(0, 0.5), min_size=1, max_size=80),
    st.integers(1, 20),
    st.integers(1, 10),
)
def test_no_window_lets_more_through_than_burst_and_rate(
    gaps: list[float], rate_per_second: int, burst: int
) -> None:
    rate = Rate(rate_per_second=rate_per_second, burst=burst)
    due, now, through = 0.0, 1000.0, list[float]()
    for gap in gaps:
        now += gap
        verdict = count(due, now, rate)
        due = verdict.due
        if not verdict.wait_seconds:
            through.append(now)
    for first in range(len(through)):
        for last in range(first, len(through)):
            allowed = burst + (through[last] - through[first]) * rate_per_second
            assert last - first + 1 <= allowed + 1e-4


WORKER = """
import sys
from datetime import datetime
from pathlib import Path
from serving.access.callers import Caller, Role
from serving.auth.limits import RateLimits
from serving.errors import TooManyRequestsError
limits = RateLimits(Path(sys.argv[1]))
caller = Caller(Role.CLIENT, number=7, rate_per_second=0.001, burst=300)
through = 0
for _ in range(400):
    try:
        limits.take(caller, datetime(2026, 11, 20, 12, 0))
    except TooManyRequestsError:
        continue
    through += 1
print(through)
"""


def test_workers_share_one_count(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path / "rates")]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    through = [int(worker.communicate()[0]) for worker in workers]
    assert sum(through) == 300


HOLDER = """
import sys
from pathlib import Path
from serving.auth.limits import RateLimits
limits = RateLimits(Path(sys.argv[1]))
with limits._locked(0, 1 << 20):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_worker_holds_nobody_up(limits: RateLimits, tmp_path: Path) -> None:
    assert passed(limits, client(), NOON, 20) == 5
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run" / "rates")],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert passed(limits, client(), NOON, 20) == 0, "what was counted is still there"
    assert passed(limits, client(), NOON + timedelta(seconds=10), 20) == 5


def test_a_damaged_file_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "rates"
    path.write_bytes(b"not ours")
    kept = RateLimits(path)
    assert passed(kept, client(), NOON, 20) == 5
    kept.close()
    again = RateLimits(path)
    assert passed(again, client(), NOON, 20) == 0
    again.close()
