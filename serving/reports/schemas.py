"""Reports at the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from features.scope import Purpose
from serving.reports.numbers import FORM

Uscc = Annotated[str, Field(pattern="^[0-9A-Z]{18}$", examples=["91370100MA3C0W2J9X"])]
Code = Annotated[str, Field(pattern="^[a-z_]{1,32}$")]
ProfileName = Annotated[str, Field(pattern="^[a-z0-9_-]{1,40}$")]
Number = Annotated[str, Field(pattern=FORM, examples=["XQ-2026-00000123-X"])]
ReportPurpose = Literal[Purpose.APPLY, Purpose.PRE_CREDIT, Purpose.POSTLOAN, Purpose.SELF_REPORT]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReportRequest(_Closed):
    """A report about one enterprise."""

    uscc: Uscc
    purpose: ReportPurpose = Field(
        description="What a consent must be for; `self_report` is an owner's own and needs none."
    )
    profile: ProfileName | None = Field(
        default=None,
        description="One of the institution's own; refused if it wants more than is authorised.",
    )


class ReportAnswer(_Closed):
    """A report with its number and hash; `report` is as docs/reference/report-sections.md describes."""

    number: str
    sha256: str = Field(description="Of the canonical text of `report`.")
    made_at: datetime = Field(description="Asia/Shanghai wall time.")
    valid_until: date
    report: dict[str, Any]


class VerifyRequest(_Closed):
    """Either the hash printed on a report, or the report itself."""

    number: Number
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    document: dict[str, Any] | None = Field(default=None, description="`report` of the answer.")

    @model_validator(mode="after")
    def _is_one(self) -> "VerifyRequest":
        if (self.sha256 is None) == (self.document is None):
            raise ValueError("give sha256 or document, one of them")
        return self


class VerifyAnswer(_Closed):
    """Whether it is what the platform gave out; nothing else is told."""

    number: str
    verdict: Literal["authentic", "altered", "unknown"]


class ProfileRequest(_Closed):
    """The sections wanted; cover, sources and notes are in every report."""

    sections: list[Code] = Field(min_length=1, max_length=20)


class ProfileAnswer(_Closed):
    """One profile of the caller's institution."""

    name: str
    sections: list[str]
    changed_at: datetime


class ProfilesAnswer(_Closed):
    """All profiles of the caller's institution."""

    items: list[ProfileAnswer]
