"""Alerts as they travel."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from serving.alerts.rows import Alert, EventRow, OverdueRow, WatchRow
from serving.alerts.statistics import SignalCount
from serving.alerts.steps import Outcome, State, next_steps
from serving.disputes.schemas import Body, LongText, ShortText

LevelCode = Literal["B", "Y", "O", "R"]
Uscc = Annotated[str, Field(pattern=r"^[0-9A-Z]{18}$")]


class NoteMade(Body):
    """What the lender did about the alert; the first note is its report of handling."""

    text: LongText


class Closure(Body):
    """What came of the alert, in the lender's judgement."""

    outcome: Literal["confirmed_default", "mitigated", "false_alarm"]
    text: LongText | None = None


class FirmWatched(Body):
    """A firm to look at more often, and why."""

    uscc: Uscc
    reason: ShortText


class Both(Body):
    """The same in two languages."""

    zh: str
    en: str


class EvidenceAnswer(Body):
    """One value behind the warning: public and own ones as they are, others as a band."""

    name: str
    name_zh: str
    name_en: str
    value_zh: str
    value_en: str


class SeenAnswer(Body):
    """What was seen."""

    signal: str
    signal_zh: str
    signal_en: str
    dimension: str
    evidence: list[EvidenceAnswer]
    says: list[Both]
    since_grant: list[Both] = Field(
        description="What changed since the loan was granted, as of when the alert was raised; of a "
        "warning by a model alone."
    )
    model: str | None
    suggestion_zh: str
    suggestion_en: str


class EnterpriseAnswer(Body):
    """The firm it is about."""

    uscc: str
    name: str


class AlertAnswer(Body):
    """An alert as it stands; a notice has the same members."""

    alert_id: str
    enterprise: EnterpriseAnswer
    loan_ids: list[str]
    level: LevelCode
    level_zh: str
    level_en: str
    state: State
    outcome: Outcome | None
    data_date: date
    began_at: datetime
    acknowledge_by: datetime | None
    handle_by: datetime | None
    closed_at: datetime | None
    reopened: int = Field(description="How often it came back after it was closed.")
    repeats: int = Field(description="How often it was sent again since it was pushed.")
    need_authorisation: list[str] = Field(
        description="Scopes that must be open, for the purpose `postloan`, to see what was seen."
    )
    seen: SeenAnswer | None = Field(description="Null while those scopes are closed.")
    dispute_link: str
    for_reference: Both


class AlertEventAnswer(Body):
    """One step that was taken; words of the institution's own people are in `said`."""

    step: str
    to_state: str
    level: LevelCode
    at: datetime
    by: str
    said: dict[str, str]

    @classmethod
    def of(cls, row: EventRow) -> "AlertEventAnswer":
        """A row as it travels."""
        return cls.model_validate(
            {
                "step": row.step,
                "to_state": row.to_state,
                "level": row.level,
                "at": row.at,
                "by": row.actor_role,
                "said": row.said,
            }
        )


class AlertDetail(AlertAnswer):
    """An alert with what was done about it."""

    next_steps: list[str]
    history: list[AlertEventAnswer]


class WatchedAnswer(Body):
    """A firm on the watch list, by open alerts, by the institution's own people, or both."""

    uscc: str
    level: LevelCode | None
    open_alerts: int
    reason: str | None
    put_at: datetime | None

    @classmethod
    def of(cls, row: WatchRow) -> "WatchedAnswer":
        """A row as it travels."""
        return cls.model_validate(
            {
                "uscc": row.uscc,
                "level": row.level,
                "open_alerts": row.alerts,
                "reason": row.reason,
                "put_at": row.put_at,
            }
        )


class SignalStatistics(Body):
    """One signal: how often it was raised, what came of it, how often it was right."""

    signal: str
    signal_zh: str
    signal_en: str
    alerts: int
    open: int
    seen_by_platform: int
    by_level: dict[str, int]
    outcomes: dict[str, int]
    judged: int
    precision: float | None = Field(description="Confirmed or mitigated, of those judged.")
    precision_low: float | None = Field(description="Wilson's 95 % interval.")
    precision_high: float | None

    @classmethod
    def of(cls, count: SignalCount, zh: str, en: str) -> "SignalStatistics":
        """A count as it travels."""
        return cls(
            signal=count.signal,
            signal_zh=zh,
            signal_en=en,
            alerts=count.alerts,
            open=count.open,
            seen_by_platform=count.seen_by_platform,
            by_level=count.by_level,
            outcomes=count.outcomes,
            judged=count.precision.judged,
            precision=count.precision.share,
            precision_low=count.precision.low,
            precision_high=count.precision.high,
        )


class OverdueAnswer(Body):
    """An alert that its lender should have acknowledged or handled by now."""

    alert_id: str
    institution: str
    signal: str
    level: LevelCode
    due: Literal["acknowledge", "handle"]
    due_at: datetime

    @classmethod
    def of(cls, row: OverdueRow) -> "OverdueAnswer":
        """A row as it travels."""
        return cls.model_validate(row.__dict__)


class AlertStatistics(Body):
    """Alerts over all institutions; nothing of any firm."""

    signals: list[SignalStatistics]
    open_by_institution: dict[str, dict[str, int]]
    overdue: list[OverdueAnswer]


def detail_of(alert: Alert, body: Mapping[str, object], history: list[EventRow]) -> AlertDetail:
    """An alert's whole state with what was done about it."""
    steps = list(next_steps(alert.standing.state, "institution"))
    done = [AlertEventAnswer.of(row) for row in history]
    return AlertDetail.model_validate({**body, "next_steps": steps, "history": done})
