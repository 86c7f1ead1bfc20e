"""Alarms at the wire."""

from typing import Annotated

from pydantic import StringConstraints

from serving.auth.wire import Instant, Wire

Outcome = Annotated[str, StringConstraints(strip_whitespace=True, min_length=4, max_length=500)]


class AlarmAnswer(Wire):
    """What was seen, of whom, and what came of it."""

    alarm_id: int
    kind: str
    actor: str
    tenant: str | None
    raised_at: Instant
    window_from: Instant
    count: int
    limit_per_window: int
    acknowledged_by: str | None
    acknowledged_at: Instant | None
    outcome: str | None


class Acknowledgement(Wire):
    """What was found when somebody looked into it."""

    outcome: Outcome
