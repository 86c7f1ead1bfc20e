"""Take what a run of the watch found into the institutions' alerts, in the caller's transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from features.contracts import Catalogue, load_catalogue
from features.scope import PLATFORM
from models.signals.duties import OpenSignal, UpgradeEntry, load_levels, newest, upgraded_from
from models.signals.finding import Assessment, Finding
from serving.alerts import repository
from serving.alerts.evidence import needs_of, shown_of, told_of
from serving.alerts.kinds import Kind, kind_of, upgrades
from serving.alerts.machine import Standing
from serving.alerts.rows import Alert
from serving.alerts.runs import Change, Run, clear, held
from serving.alerts.telling import Told, write_and_tell
from serving.auth.marks import new_id
from serving.db import Connection

_NOBODY: Mapping[str, str] = {}


@dataclass
class _Firm:
    """Alerts of one institution about one enterprise while a run is taken; `held` are those before it."""

    assessment: Assessment
    name: str
    alerts: dict[str, Alert]
    changes: dict[str, Told] = field(default_factory=dict[str, Told])


@dataclass(frozen=True)
class _Taking:
    now: datetime
    model: str
    catalogue: Catalogue
    repaired: frozenset[str]
    kinds: Callable[[str], Kind]


async def take_assessments(
    connection: Connection,
    assessments: Sequence[Assessment],
    *,
    now: datetime,
    subject_of: Callable[[str], str],
    names: Mapping[str, str] = _NOBODY,
    model: str = "",
    kinds: Callable[[str], Kind] = kind_of,
) -> int:
    """Create, raise, lower, re-open and end alerts, and leave notices about it.

    The same run taken again changes nothing.

    Parameters
    ----------
    subject_of : callable
        Pseudonym of an enterprise for the record.
    names : mapping of str to str
        Names of enterprises by code, for notices; without one the notice has the code alone.
    model : str
        Version of the warning model, where one took part.

    Returns
    -------
    int
        How many alerts changed so that anybody would notice.
    """
    usccs = sorted({one.uscc for one in assessments})
    await repository.wait_for_turn(connection)
    known: dict[tuple[str, str], dict[str, Alert]] = {}
    for row in await repository.latest_alerts(connection, usccs):
        known.setdefault((row.institution, row.uscc), {})[row.signal] = row
    repaired = {row.alert_id for row in await repository.repaired_alerts(connection, usccs)}
    taking = _Taking(now, model, load_catalogue(), frozenset(repaired), kinds)
    changes: list[Told] = []
    for one in assessments:
        firm = _Firm(
            one, names.get(one.uscc, ""), known.setdefault((one.institution, one.uscc), {})
        )
        if one.findings or firm.alerts:
            _take_one(firm, taking)
            changes += firm.changes.values()
    return await write_and_tell(connection, changes, now=now, subject_of=subject_of)


def _take_one(firm: _Firm, taking: _Taking) -> None:
    for finding in firm.assessment.findings:
        _hold(firm, finding, taking.kinds(finding.signal), taking)
    for signal in sorted(firm.assessment.clear & firm.alerts.keys()):
        _clear(firm, taking.kinds(signal), taking)
    for kind, rule in upgrades():
        _upgrade(firm, kind, rule, taking)


def _upgrade(firm: _Firm, kind: Kind, rule: UpgradeEntry, taking: _Taking) -> None:
    """Ask the open alerts, as they are by now, whether together they are a stronger one."""
    parts = {
        signal: row
        for signal, row in firm.alerts.items()
        if row.standing.is_open and signal not in load_levels().upgrades
    }
    open_now = [
        OpenSignal(row.signal, row.standing.level, row.dimension, row.standing.level_since)
        for row in parts.values()
    ]
    made_of = upgraded_from(rule, open_now, taking.now)
    if not made_of:
        if kind.code in firm.alerts:
            _clear(firm, kind, taking)
        return
    level = newest(rule.versions, taking.now.date()).to
    datasets = frozenset(d for signal in made_of for d in parts[signal].datasets)
    says = tuple(
        (f"{signal} {words.zh}", f"{signal} {words.en}")
        for signal, words in ((signal, taking.kinds(signal).words) for signal in made_of)
    )
    _hold(firm, Finding(kind.code, level, 0, datasets, (), says), kind, taking)


def _hold(firm: _Firm, finding: Finding, kind: Kind, taking: _Taking) -> None:
    before = firm.alerts.get(kind.code)
    standing = None if before is None else before.standing
    change = held(standing, finding.level, _run(firm, kind, taking, before))
    if before is None or change.is_new:
        row = _new(firm, kind, change.standing, taking)
    else:
        row = replace(before, standing=change.standing)
    is_heard = before is None or firm.assessment.as_of >= before.standing.as_of
    if row.standing.is_open and is_heard and finding.level.rank >= row.standing.level.rank:
        row = _with_evidence(row, firm, finding, kind, taking)
        row = replace(row, since_grant=_since_grant(row, before, finding, kind, taking))
    _keep(firm, None if change.is_new else before, row, change)


def _clear(firm: _Firm, kind: Kind, taking: _Taking) -> None:
    before = firm.alerts[kind.code]
    change = clear(before.standing, _run(firm, kind, taking, before))
    _keep(firm, before, replace(before, standing=change.standing), change)


def _keep(firm: _Firm, before: Alert | None, row: Alert, change: Change) -> None:
    firm.alerts[row.signal] = row
    if row != before:
        state = "" if before is None else before.standing.state
        firm.changes[row.signal] = Told(row, change.steps, state)


def _run(firm: _Firm, kind: Kind, taking: _Taking, alert: Alert | None) -> Run:
    return Run(
        as_of=firm.assessment.as_of,
        now=taking.now,
        cooldown_days=kind.cooldown_days,
        is_daily=kind.is_daily,
        is_pushed=firm.assessment.institution != PLATFORM,
        has_repair=alert is not None and alert.alert_id in taking.repaired,
    )


def _with_evidence(row: Alert, firm: _Firm, finding: Finding, kind: Kind, taking: _Taking) -> Alert:
    evidence, says = shown_of(finding, kind.disclose, taking.catalogue)
    return replace(
        row,
        name=firm.name or row.name,
        found_on=firm.assessment.as_of,
        found_at=taking.now,
        model=taking.model if kind.is_model else "",
        datasets=sorted(finding.datasets),
        needs=sorted(needs_of(finding.datasets, taking.catalogue)),
        evidence=evidence,
        says=says,
    )


def _since_grant(
    row: Alert, before: Alert | None, finding: Finding, kind: Kind, taking: _Taking
) -> list[list[str]]:
    """What is said now; else what was, while the alert stayed open and rests on the same data."""
    if finding.since_grant is not None:
        return told_of(finding.since_grant, finding, kind.disclose, taking.catalogue)
    is_same = before is not None and before.alert_id == row.alert_id and before.standing.is_open
    if before is None or not is_same or before.datasets != row.datasets:
        return []
    return before.since_grant


def _new(firm: _Firm, kind: Kind, standing: Standing, taking: _Taking) -> Alert:
    return Alert(
        alert_no=0,
        alert_id=new_id("W"),
        institution=firm.assessment.institution,
        uscc=firm.assessment.uscc,
        name=firm.name,
        signal=kind.code,
        dimension=kind.dimension,
        standing=standing,
        found_on=firm.assessment.as_of,
        found_at=taking.now,
    )
