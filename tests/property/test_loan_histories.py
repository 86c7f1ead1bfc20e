"""Random histories of reports, corrections, repeats and exports that are cut off at any step.

At the end the ledger stands as the latest versions say, by a second reckoning, and the lake shows exactly
those versions.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.db import Connection
from serving.landing import Destination
from serving.loans import export
from serving.loans.bring_in import bring_in
from serving.loans.reports import REPORT, key_of
from tests.databases import Ledger
from tests.faults import breaking
from tests.loan_ledgers import NOW, asked, connected, destination, in_lake, take
from tests.loan_reports import FIRM, LENDER, OTHER_LENDER

MONTHS = ("2026-06", "2026-07", "2026-08")
Kept = dict[tuple[str, str, str, date], dict[str, Any]]


class PowerCutError(Exception):
    """Everything stops here."""


@dataclass
class World:
    """The ledger, the lake, and what was taken, by this test's own book."""

    connection: Connection
    to: Destination
    kept: Kept = field(default_factory=dict[tuple[str, str, str, date], dict[str, Any]])
    seconds: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def report(self, lender: str, body: dict[str, Any]) -> None:
        now = NOW + timedelta(seconds=next(self.seconds))
        (outcome,) = await take(self.connection, body, institution=lender, now=now)
        report = REPORT.validate_python(body)
        key = (lender, report.kind, *key_of(report))
        if outcome.result == "taken":
            assert key not in self.kept
        if outcome.result == "corrected":
            assert key in self.kept
        if outcome.result == "unchanged":
            assert self.kept[key] == report.payload()
        if outcome.result in {"taken", "corrected"}:
            self.kept[key] = report.payload()

    async def export(self, cut_at: int) -> None:
        """Land what is new, and die at a step of it; a step beyond the last one does not cut."""
        now = NOW + timedelta(seconds=next(self.seconds))
        with breaking(cut_at, PowerCutError()) as fault, pytest.MonkeyPatch.context() as patch:
            patch.setattr(export, "read_new", around(fault.step, export.read_new))
            patch.setattr(export, "move_mark", around(fault.step, export.move_mark))
            try:
                await export.export_new(self.connection, self.to, now=now, batch=3)
            except PowerCutError:
                return


def around(step: Callable[[], None], real: Callable[..., Any]) -> Callable[..., Any]:
    async def broken(*args: Any) -> Any:
        step()
        result = await real(*args)
        step()
        return result

    return broken


def grants() -> st.SearchStrategy[dict[str, Any]]:
    base = {"kind": "grant", "uscc": FIRM, "granted_on": "2026-06-10", "matures_on": "2027-06-10"}
    return st.sampled_from((100, 200)).map(lambda amount: base | {"amount": amount})


def months() -> st.SearchStrategy[dict[str, Any]]:
    def body(month: str, balance: int, late: int, lost: int) -> dict[str, Any]:
        return {
            "kind": "month",
            "month": month,
            "balance": balance,
            "dpd": late,
            "overdue_interest": late,
            "five_class": 1 + (late > 0),
            "written_off": lost,
        }

    return st.builds(
        body,
        st.sampled_from(MONTHS),
        st.sampled_from((0, 50, 150)),
        st.sampled_from((0, 0, 7)),
        st.sampled_from((0, 0, 40)),
    )


def closures() -> st.SearchStrategy[dict[str, Any]]:
    days, outcomes = ("2026-07-05", "2026-09-05"), ("settled", "written_off")
    return st.sampled_from(
        [
            {"kind": "closure", "closed_on": day, "outcome": outcome}
            for day in days
            for outcome in outcomes
        ]
    )


def reports() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """A report of one of three loans, two of which bear one number; half of them corrections."""
    loans = st.sampled_from(((LENDER, "a"), (OTHER_LENDER, "a"), (LENDER, "b")))
    reasons: list[dict[str, str]] = [{}, {"correction": "有误"}]
    why = st.sampled_from(reasons)
    bodies = st.one_of(grants(), months(), months(), closures())

    def told(
        loan: tuple[str, str], body: dict[str, Any], reason: dict[str, str]
    ) -> tuple[str, dict[str, Any]]:
        return loan[0], {**body, "loan_id": loan[1], **reason}

    return st.builds(told, loans, bodies, why)


STEPS = st.lists(st.one_of(reports(), reports(), reports(), st.integers(0, 60)), max_size=14)
#: So that most histories are about something.
BEGIN = [
    (lender, {"kind": "grant", "uscc": FIRM, "granted_on": "2026-06-10", "matures_on": "2027-06-10",
              "amount": 200, "loan_id": loan})
    for lender, loan in ((LENDER, "a"), (OTHER_LENDER, "a"), (LENDER, "b"))
]  # fmt: skip


def standing(kept: Kept, lender: str, loan: str) -> tuple[str, int, int, int]:
    """Status, balance [fen], days late and class of a loan: in plain words, report by report."""
    amount = Decimal(kept[lender, "grant", loan, date.min]["amount"])
    paid = {key[3]: body for key, body in kept.items() if key[:3] == (lender, "month", loan)}
    closure = kept.get((lender, "closure", loan, date.min))
    last = paid[max(paid)] if paid else {"balance": str(amount), "dpd": 0, "five_class": 1}
    balance, late = Decimal(last["balance"]), int(last["dpd"])
    is_lost = any(Decimal(body["written_off"]) > 0 for body in paid.values())
    status = "overdue" if late else "running"
    if is_lost and balance == 0:
        status = "written_off"
    if closure:
        status, balance = closure["outcome"], Decimal(0)
    if status == "settled":
        late = 0
    return status, int(balance * 100), late, int(last["five_class"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_whatever_happens_ledger_and_lake_say_what_was_reported_last(
    ledger: Ledger, steps: list[tuple[str, dict[str, Any]] | int]
) -> None:
    addresses = ledger.clone()

    async def run(folder: Path) -> None:
        async with connected(addresses.owner) as connection:
            world = World(connection, destination(folder))
            for step in (*BEGIN, *steps):
                if isinstance(step, int):
                    await world.export(step)
                else:
                    await world.report(*step)
            await world.export(10_000)
            await agrees(world)
            # What is the ledger's own does not come back to it.
            view = world.to.lake.view()
            later = NOW + timedelta(hours=1)
            done = await bring_in(connection, view, world.to.catalogue, now=later, request_id="r")
            assert (done.reports, done.loans) == (0, 0)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
    ledger.drop(addresses)


async def agrees(world: World) -> None:
    kept, later = world.kept, NOW + timedelta(hours=1)
    rows = await asked(
        world.connection,
        "SELECT institution, loan_id, lake_id, status, balance_fen, days_past_due, five_class FROM loan",
    )
    names = {(row[0], row[1]): row[2] for row in rows}
    assert {(row[0], row[1]): row[3:] for row in rows} == {
        (lender, loan): standing(kept, lender, loan) for lender, loan in names
    }
    latest = await asked(
        world.connection,
        "SELECT DISTINCT ON (institution, kind, loan_id, month) institution, kind, loan_id, month, payload "
        "FROM loan_report ORDER BY institution, kind, loan_id, month, version DESC",
    )
    assert {tuple(row[:4]): row[4] for row in latest} == kept
    shown = in_lake(
        world.to, "repayment_snapshot", "loan_id, month, balance_fen, dpd, written_off_fen", later
    )
    assert list(shown) == sorted(
        (
            names[lender, loan],
            month.year * 100 + month.month,
            int(Decimal(body["balance"]) * 100),
            body["dpd"],
            int(Decimal(body["written_off"]) * 100),
        )
        for (lender, kind, loan, month), body in kept.items()
        if kind == "month"
    )
    codes = {"running": "1", "settled": "2", "overdue": "3", "written_off": "3"}
    shown = in_lake(world.to, "loan_account", "loan_id, amount_fen, loan_status", later)
    assert list(shown) == sorted(
        (
            name,
            int(Decimal(kept[lender, "grant", loan, date.min]["amount"]) * 100),
            codes[standing(kept, lender, loan)[0]],
        )
        for (lender, loan), name in names.items()
    )
