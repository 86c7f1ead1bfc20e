"""Loans, assessments and what became of them, for tests of alerts. All codes are invented."""

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

import psycopg

from features.contracts import Words
from models.signals.finding import Assessment, Evidence, Finding
from models.signals.levels import Level
from serving.alerts.kinds import Kind, kind_of
from serving.alerts.taking import take_assessments
from tests.service import BANK, Running

#: Signals with their dimension, what they were read from, and what of it may be told.
_SIGNALS = {
    "W10": ("F5", {"admin_penalty"}, "full"),
    "W12": ("F5", {"admin_penalty"}, "full"),
    "W15": ("F5", {"abnormal_list"}, "full"),
    "W35": ("F4", {"pension_month"}, "flag"),
    "W38": ("F2", {"electricity_month"}, "band"),
    "W47": ("F4", set[str](), "full"),
}


def kind(code: str) -> Kind:
    """A signal of the tests' own; upgrades are the real ones."""
    if code not in _SIGNALS:
        return kind_of(code)
    dimension, _, disclose = _SIGNALS[code]
    words = Words(zh=f"信号{code}", en=f"signal {code}")
    return Kind(code, words, words, dimension, disclose, 90, is_daily=True)  # pyright: ignore[reportArgumentType]


def finding(code: str, level: str, value: float = 3.0, unit: str = "count") -> Finding:
    """The signal holds, with one value as evidence."""
    datasets = frozenset(_SIGNALS[code][1])
    evidence = Evidence(f"{code.lower()}_value", value, unit, datasets)
    return Finding(
        code, Level(level), 0, datasets, (evidence,), ((f"{code} 说明", f"{code} says"),)
    )


def assessment(
    uscc: str,
    found: str = "",
    clear: str = "",
    *,
    on: date,
    institution: str = BANK,
    more: Sequence[Finding] = (),
) -> Assessment:
    """One run's word on one firm, e.g. `found="W10:O W15:Y", clear="W35"`."""
    pairs = [one.split(":") for one in found.split()]
    findings = (*(finding(code, level) for code, level in pairs), *more)
    return Assessment(institution, uscc, on, findings, frozenset(clear.split()))


def take(running: Running, *assessments: Assessment, now: datetime | None = None) -> int:
    """Let the room of alerts hear a run."""

    async def work() -> int:
        async with await psycopg.AsyncConnection.connect(running.addresses.app) as connection:
            return await take_assessments(
                connection,
                assessments,
                now=now or running.clock.now,
                subject_of=running.house.subject_of,
                names={one.uscc: "测试公司" for one in assessments},
                model="warning@1",
                kinds=kind,
            )

    # A thread of its own: where a browser is driven, a loop runs in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def lend(
    running: Running, uscc: str, loan_id: str, *, institution: str = BANK, guarantor: str = ""
) -> None:
    """A running loan."""
    running.sql(
        "INSERT INTO loan (institution, loan_id, lake_id, uscc, granted_on, amount_fen, balance_fen, days_past_due, "
        "five_class, status, guarantor, updated_at) VALUES (%(institution)s, %(loan_id)s, %(lake_id)s, %(uscc)s, "
        "'2026-01-01', 100, 100, 0, 1, 'running', %(guarantor)s, %(now)s)",
        institution=institution,
        loan_id=loan_id,
        lake_id=f"{institution}-{loan_id}",
        uscc=uscc,
        guarantor=guarantor,
        now=running.clock.now,
    )


def listen(running: Running, institution: str = BANK) -> None:
    """An endpoint to which notices of this institution are left."""
    running.institution(institution)
    running.sql(
        "INSERT INTO webhook_endpoint (endpoint_id, institution, label, url, state, created_at, changed_at) "
        "VALUES (%(id)s, %(institution)s, 'test', 'https://bank.test/hook', 'active', %(now)s, %(now)s)",
        id=f"E-{institution}",
        institution=institution,
        now=running.clock.now,
    )


def notices(running: Running, institution: str = BANK) -> list[dict[str, Any]]:
    """What was left for this institution, the oldest first, with `needs` beside the body's members."""
    rows = running.sql(
        "SELECT body, needs FROM notice WHERE endpoint_id = %(id)s ORDER BY posted_at, stream, sequence",
        id=f"E-{institution}",
    )
    return [{**json.loads(body), "needs": needs} for body, needs in rows]


def alerts(
    running: Running, columns: str = "signal, level, state, outcome"
) -> list[tuple[Any, ...]]:
    """Alerts as the ledger has them, by signal and number."""
    query = f"SELECT {columns} FROM alert ORDER BY signal, institution, alert_no"
    return running.sql(query)  # pyright: ignore[reportArgumentType]
