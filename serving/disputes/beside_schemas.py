"""Marks and statements as they travel."""

from datetime import datetime
from typing import Literal

from serving.disputes.beside import Mark, Statement
from serving.disputes.schemas import Body, RecordKey, ShortText, StatementText


class StatementMade(Body):
    """What the firm says beside a record."""

    dataset: ShortText
    record: RecordKey
    text: StatementText


class MarkAnswer(Body):
    """A record that is marked."""

    dataset: str
    record: dict[str, str]
    mark: Literal["disputed", "both_views"]
    mark_zh: str
    since: datetime

    @classmethod
    def of(cls, mark: Mark) -> "MarkAnswer":
        """A mark as it travels."""
        zh = "异议中" if mark.mark == "disputed" else "双方意见并列记载"
        return cls.model_validate(
            {
                "dataset": mark.record.dataset,
                "record": dict(mark.record.key),
                "mark": mark.mark,
                "mark_zh": zh,
                "since": mark.since,
            }
        )


class StatementAnswer(Body):
    """What a firm says beside a record."""

    statement_id: str
    dataset: str
    record: dict[str, str]
    text: str
    made_at: datetime

    @classmethod
    def of(cls, statement: Statement) -> "StatementAnswer":
        """A statement as it travels."""
        return cls(
            statement_id=statement.statement_id,
            dataset=statement.record.dataset,
            record=dict(statement.record.key),
            text=statement.text,
            made_at=statement.made_at,
        )


class MarksAnswer(Body):
    """What stands beside a firm's records."""

    marks: list[MarkAnswer]
    statements: list[StatementAnswer]
