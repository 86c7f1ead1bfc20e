"""What came of every request, and the figures that are read from it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from benchmarks.load.plan import FloatArray

#: In the place of an HTTP status: no answer came in time, the connection broke, no HTTP came.
UNANSWERED, DROPPED, MALFORMED = 0, -1, -2

#: A generator that starts more than 1 % of its requests later than this measures itself [s].
LATE_START_S = 0.002


@dataclass(frozen=True)
class Outcome:
    """All requests of one generator process, or of several joined.

    Parameters
    ----------
    due, sent, ended : ndarray of shape (n,)
        After the start [s]; `sent` is when the generator took the request up, `ended` when its last
        byte came or its connection broke. NaN: never.
    status : ndarray of shape (n,)
        HTTP status, or `UNANSWERED`, `DROPPED`, `MALFORMED`.
    bodies : sequence of bytes or None
        One a request, or none at all where they were not kept.
    waited : int
        Requests that found no free connection when they were due.
    refused : int
        Connections that could not be opened.
    wrong : int
        Answers that did not pass the check of their request.
    cpu_s : float
        CPU time of the generator [s].
    """

    due: FloatArray
    sent: FloatArray
    ended: FloatArray
    status: npt.NDArray[np.int64]
    bodies: Sequence[bytes | None] = ()
    waited: int = 0
    refused: int = 0
    wrong: int = 0
    cpu_s: float = 0.0


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """Put the outcomes of several processes together, in the order of their due times."""
    due = np.concatenate([one.due for one in outcomes])
    order = np.argsort(due, kind="stable")
    bodies = [body for one in outcomes for body in one.bodies]
    return Outcome(
        due=due[order],
        sent=np.concatenate([one.sent for one in outcomes])[order],
        ended=np.concatenate([one.ended for one in outcomes])[order],
        status=np.concatenate([one.status for one in outcomes])[order],
        bodies=[bodies[index] for index in order] if bodies else (),
        waited=sum(one.waited for one in outcomes),
        refused=sum(one.refused for one in outcomes),
        wrong=sum(one.wrong for one in outcomes),
        cpu_s=sum(one.cpu_s for one in outcomes),
    )


@dataclass(frozen=True)
class Report:
    """Figures of one run.

    Attributes
    ----------
    offered_rate, achieved_rate : float
        Requests due, and answers that came while requests were due [1/s].
    statuses : mapping of int to int
        Answers by HTTP status.
    dropped, malformed, unanswered, wrong : int
        Broken connections; bytes that were no HTTP; requests without an answer in time; answers that
        failed their check.
    p50_ms, p90_ms, p99_ms, p999_ms, max_ms : float
        Latency from the due time over all requests; one without an answer is infinitely late.
    late_p99_ms, late_max_ms : float
        How late the generator itself took requests up.
    waited : int
        Requests that found all connections taken.
    generator_cpu_ms : float
        CPU time of the generator a request.
    cpu_ms : mapping of str to float
        CPU time of the watched processes a request.
    bodies : sequence of bytes or None
        Answers in the order they were due, where they were kept.
    """

    requests: int
    seconds: float
    offered_rate: float
    achieved_rate: float
    statuses: Mapping[int, int]
    dropped: int
    malformed: int
    unanswered: int
    refused: int
    wrong: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    late_p99_ms: float
    late_max_ms: float
    waited: int
    generator_cpu_ms: float
    cpu_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    bodies: Sequence[bytes | None] = field(default=(), repr=False)

    @property
    def failed(self) -> int:
        """Requests without a right answer."""
        return self.dropped + self.malformed + self.unanswered + self.wrong

    @property
    def generator_kept_up(self) -> bool:
        """Whether the generator had the CPU it needed; if not, the latencies are partly its own."""
        return self.late_p99_ms <= 1e3 * LATE_START_S

    def __str__(self) -> str:
        watched = "".join(f", {name} {value:.3f}" for name, value in self.cpu_ms.items())
        return (
            f"{self.offered_rate:,.0f}/s offered, {self.achieved_rate:,.0f}/s answered, {self.failed} failed "
            f"{dict(self.statuses)}; p50 {self.p50_ms:.2f} p90 {self.p90_ms:.2f} p99 {self.p99_ms:.2f} p99.9 "
            f"{self.p999_ms:.2f} max {self.max_ms:.2f} ms; late p99 {self.late_p99_ms:.2f} max "
            f"{self.late_max_ms:.2f} ms; CPU ms a request: generator {self.generator_cpu_ms:.3f}{watched}"
        )


def make_report(
    outcome: Outcome, *, seconds: float, cpu_s: Mapping[str, float] | None = None
) -> Report:
    """Work the figures out.

    Parameters
    ----------
    outcome : Outcome
    seconds : float
        Length of the time in which requests were due.
    cpu_s : mapping of str to float, optional
        CPU time of the watched processes over the run [s].
    """
    count = len(outcome.due)
    has_answer = outcome.status > 0
    latency = np.where(has_answer, outcome.ended - outcome.due, np.inf)
    # Percentiles are values that occurred ("higher"): an infinite one cannot be interpolated.
    p50, p90, p99, p999, largest = (
        1e3 * np.quantile(latency, [0.5, 0.9, 0.99, 0.999, 1.0], method="higher")
    ).tolist()
    late = 1e3 * (outcome.sent - outcome.due)
    late = np.where(np.isnan(late), np.inf, late)
    kinds = Counter(outcome.status.tolist())
    return Report(
        requests=count,
        seconds=seconds,
        offered_rate=count / seconds,
        achieved_rate=float((has_answer & (outcome.ended <= seconds)).sum()) / seconds,
        statuses={status: number for status, number in sorted(kinds.items()) if status > 0},
        dropped=kinds[DROPPED],
        malformed=kinds[MALFORMED],
        unanswered=kinds[UNANSWERED],
        refused=outcome.refused,
        wrong=outcome.wrong,
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        p999_ms=p999,
        max_ms=largest,
        late_p99_ms=float(np.quantile(late, 0.99, method="higher")),
        late_max_ms=float(late.max()),
        waited=outcome.waited,
        generator_cpu_ms=1e3 * outcome.cpu_s / count,
        cpu_ms={name: 1e3 * used / count for name, used in (cpu_s or {}).items()},
        bodies=outcome.bodies,
    )
