"""Institutions at the wire."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from serving.auth.institutions.states import State
from serving.auth.wire import Day, Instant, Reason, Uscc, Wire

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=120)]
Kind = Literal["bank", "insurer", "guarantor", "credit_service", "leasing", "factoring"]
Region = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class Application(Wire):
    """An institution asks to come in."""

    uscc: Uscc
    name_zh: Name
    name_en: Name | None = None
    kind: Kind
    region: Region | None = None


class Assessment(Wire):
    """Security and authorisation were assessed and found good."""

    assessed_until: Day
    reason: Reason


class Step(Wire):
    """A change of state, with its reason."""

    state: Literal[State.ACTIVE, State.SUSPENDED, State.EXITED]
    reason: Reason


class InstitutionAnswer(Wire):
    """An institution as the ledger has it."""

    uscc: str
    name_zh: str
    name_en: str | None
    kind: Kind
    region: str | None
    state: State
    state_since: Instant
    state_reason: str
    assessed_until: Day | None
