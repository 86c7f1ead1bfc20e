"""Taking reports: each is held against what is known, kept as a new version or refused with its reason.

One report over the API and a file of thousands go the same way, in the transaction of the request.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from serving.db import Connection
from serving.loans import repository
from serving.loans.checks import doubts, is_unchanged, refusal
from serving.loans.history import Held, History
from serving.loans.reports import Grant, Guarantee, Report, key_of
from serving.loans.rows import NewReport
from serving.loans.rules import loan_rules


@dataclass(frozen=True)
class Outcome:
    """What came of one report.

    Attributes
    ----------
    reason : str
        Why it was refused, a code of `rules.yaml`; empty if it was taken.
    doubts : tuple of str
        What was taken and still looks doubtful.
    """

    result: Literal["taken", "corrected", "unchanged", "refused"]
    reason: str = ""
    doubts: tuple[str, ...] = ()


@dataclass
class _Book:
    """What is known of some loans, and what is to be added."""

    institution: str
    numbers: Iterator[int]
    may: frozenset[str]
    histories: dict[tuple[bool, str], History] = field(
        default_factory=dict[tuple[bool, str], History]
    )
    added: list[NewReport] = field(default_factory=list[NewReport])

    def of(self, report: Report) -> History:
        """A guarantee's number may be that of a loan; they are different things."""
        number, _ = key_of(report)
        return self.histories.setdefault((isinstance(report, Guarantee), number), History())

    def take(self, report: Report, uscc: str) -> bool:
        """Keep a report as the latest; whether it takes another's place."""
        history, (number, month) = self.of(report), key_of(report)
        held = history.held(report.kind, month)
        version = 1 if held is None else held.version + 1
        payload = _with_origin(report.payload(), held)
        report_no = next(self.numbers)
        self.added.append(
            NewReport(
                report_no,
                self.institution,
                report.kind,
                number,
                month,
                uscc,
                version,
                None if held is None else held.report_no,
                payload,
                report.correction or "",
            )
        )
        history.hold(report.kind, month, Held(report_no, version, uscc, payload))
        return held is not None


async def take_reports(
    connection: Connection, institution: str, reports: Sequence[Report], *, by: str, now: datetime
) -> list[Outcome]:
    """Hold reports against what is known, in their order, and keep those that can be true.

    Parameters
    ----------
    institution : str
        USCC of the lender or guarantor whose they are.
    by : str
        Who reports: a client's or person's id, `import` for what the lake knew first.

    Returns
    -------
    list of Outcome
        One per report.
    """
    if not reports:
        return []
    await repository.take_turn(connection)
    numbers = {key_of(report)[0] for report in reports}
    fresh = iter(await repository.new_numbers(connection, len(reports)))
    book = _Book(institution, fresh, await _may(connection, institution, now))
    await _open(connection, book, numbers)
    outcomes = [_outcome(book, report, now) for report in reports]
    if book.added:
        at = await repository.moment_after(connection, institution, numbers, now)
        await _keep(connection, book, at, by)
    return outcomes


def _outcome(book: _Book, report: Report, now: datetime) -> Outcome:
    history = book.of(report)
    if is_unchanged(report, history):
        return Outcome("unchanged")
    if report.kind not in book.may:
        return Outcome("refused", "other_kind")
    reason = refusal(report, history, now.date())
    if reason:
        return Outcome("refused", reason)
    doubted = tuple(doubts(report, history, now.date()))
    is_first = not book.take(report, _firm(report, history))
    return Outcome("taken" if is_first else "corrected", doubts=doubted)


async def _may(connection: Connection, institution: str, now: datetime) -> frozenset[str]:
    """What an institution of its kind reports."""
    kind, rules = await repository.kind_of(connection, institution), loan_rules(now.date())
    lends = {"grant", "month", "closure"} if kind in rules.lenders else set[str]()
    return frozenset(lends | ({"guarantee"} if kind in rules.guarantors else set()))


def _firm(report: Report, history: History) -> str:
    if isinstance(report, Grant | Guarantee):
        return report.uscc
    return history.grant.uscc if history.grant else ""


def _with_origin(payload: dict[str, object], held: Held | None) -> dict[str, object]:
    """What the lake knew of a loan stays with it when its grant is corrected."""
    origin = held.payload.get("origin") if held else None
    return payload | ({"origin": origin} if origin else {})


async def _open(connection: Connection, book: _Book, numbers: set[str]) -> None:
    for row in await repository.read_latest(connection, book.institution, numbers):
        key = (row.kind == "guarantee", row.loan_id)
        held = Held(row.report_no, row.version, row.uscc, row.payload)
        book.histories.setdefault(key, History()).hold(row.kind, row.month, held)


async def _keep(connection: Connection, book: _Book, at: datetime, by: str) -> None:
    await repository.add_reports(connection, book.added, at=at, by=by)
    loans = {new.loan_id for new in book.added if new.kind != "guarantee"}
    await repository.restate_loans(connection, book.institution, loans, at)
    guaranteed = {new.uscc for new in book.added if new.kind == "guarantee"}
    if guaranteed:
        await repository.restate_guaranteed(connection, guaranteed, at)
