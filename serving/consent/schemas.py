"""Consents at the wire."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from features.contracts import Catalogue, Words
from features.scope import PLATFORM, Purpose
from serving.consent.notices import Notice
from serving.consent.repository import EventRow
from serving.consent.rules import Rules, known_scopes
from serving.consent.states import Consent, Wish

Scope = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
#: USCC of an institution, or the platform.
GranteeCode = Annotated[str, StringConstraints(pattern=rf"^({PLATFORM}|[0-9A-Z]{{18}})$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


class ConsentGrant(BaseModel):
    """What an enterprise wants to open, to one institution, for one purpose, until a day."""

    model_config = ConfigDict(extra="forbid")

    grantee: GranteeCode = Field(description="USCC of one active institution, or `platform`.")
    purpose: Purpose
    scopes: list[Scope] = Field(
        min_length=1, max_length=32, description="See `/v1/consent-scopes`."
    )
    separately: list[Scope] = Field(
        default=[],
        max_length=32,
        description="Those of `scopes` that must be confirmed by name, said once more.",
    )
    valid_from: date
    valid_to: date = Field(description="Last day.")
    notice_version: Code = Field(description="The notice of risks that was read.")
    method: Literal["online_sign", "written_scan"] = "online_sign"
    document_hash: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the scan."
    )
    need_id: Code | None = Field(default=None, description="The loan application it is for.")
    max_queries: int | None = Field(default=None, ge=1, le=1_000_000)

    def wish(self) -> Wish:
        """As the service decides about it."""
        return Wish(
            grantee=self.grantee,
            purpose=self.purpose,
            scopes=frozenset(self.scopes),
            separately=frozenset(self.separately),
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            notice_version=self.notice_version,
            method=self.method,
            document_hash=self.document_hash,
            need_id=self.need_id or "",
            max_queries=self.max_queries,
        )


class ConsentNarrowing(BaseModel):
    """What stays open: some of the consent's scopes, not all and not none."""

    model_config = ConfigDict(extra="forbid")

    scopes: list[Scope] = Field(min_length=1, max_length=32)


class ConsentAnswer(BaseModel):
    """A consent as it stands."""

    consent_id: str
    uscc: str
    grantee: str
    purpose: str
    scopes: list[str]
    need_id: str | None
    status: Literal["active", "revoked", "expired", "used_up"]
    valid_from: date
    valid_to: date
    method: Literal["online_sign", "written_scan", "imported"]
    document_hash: str | None
    notice_version: str | None
    real_name_level: int | None
    max_queries: int | None
    queries_used: int
    granted_at: datetime = Field(description="Asia/Shanghai wall time.")
    ended_at: datetime | None


class ConsentEvent(BaseModel):
    """One thing that happened to a consent; `scopes` are those that remained."""

    event_id: str
    event: Literal["granted", "narrowed", "revoked", "expired"]
    cause: str
    occurred_at: datetime
    scopes: list[str]


class ConsentHistory(ConsentAnswer):
    """A consent with all that happened to it, oldest first."""

    events: list[ConsentEvent]


class NoticeSection(BaseModel):
    """One thing an enterprise is told; `{grantee}`, `{purpose}`, `{scopes}`, `{until}` are to be filled in."""

    name: str
    title: Words
    text: Words


class NoticeAnswer(BaseModel):
    """The notice of risks in force."""

    version: str
    in_force: date
    sections: list[NoticeSection]


class DatasetOpened(BaseModel):
    """A dataset that a scope opens."""

    name: str
    title: Words


class ScopeAnswer(BaseModel):
    """A kind of data; `separate` ones must be confirmed by name."""

    scope: str
    title: Words
    separate: bool
    risk: Words | None
    datasets: list[DatasetOpened]


class PurposeAnswer(BaseModel):
    """A purpose, to whom it may be granted and for how many days at most, both ends counted."""

    purpose: Purpose
    grantee: Literal["institution", "platform", "any"]
    most_days: int


class ScopesAnswer(BaseModel):
    """What can be opened, for what, and how surely the grantor must be known."""

    scopes: list[ScopeAnswer]
    purposes: list[PurposeAnswer]
    real_name_level: int


def consent_answer(consent: Consent) -> ConsentAnswer:
    """As it stands; who granted it stays with the platform."""
    told = {name: getattr(consent, name) for name in ConsentAnswer.model_fields}
    return ConsentAnswer.model_validate({**told, "need_id": consent.need_id or None})


def consent_history(consent: Consent, events: list[EventRow]) -> ConsentHistory:
    """With its events."""
    listed = [ConsentEvent.model_validate(event, from_attributes=True) for event in events]
    return ConsentHistory(**consent_answer(consent).model_dump(), events=listed)


def notice_answer(notice: Notice) -> NoticeAnswer:
    """Both languages beside each other."""
    sections = [
        NoticeSection(
            name=section.name,
            title=Words(zh=section.zh_title, en=section.en_title),
            text=Words(zh=section.zh, en=section.en),
        )
        for section in notice.sections
    ]
    return NoticeAnswer(version=notice.version, in_force=notice.in_force, sections=sections)


def scopes_answer(catalogue: Catalogue, rules: Rules) -> ScopesAnswer:
    """What the catalogue and the rules say."""
    scopes = [
        ScopeAnswer(
            scope=scope,
            title=Words(zh=words.zh, en=words.en),
            separate=words.separate,
            risk=Words(zh=words.zh_risk, en=words.en_risk) if words.separate else None,
            datasets=[
                DatasetOpened(name=name, title=catalogue[name].document.title)
                for name in sorted(catalogue.opened_by(scope))
            ],
        )
        for scope, words in known_scopes().items()
    ]
    purposes = [
        PurposeAnswer(purpose=purpose, grantee=rule.grantee, most_days=rule.most_days)
        for purpose, rule in rules.purposes.items()
    ]
    return ScopesAnswer(scopes=scopes, purposes=purposes, real_name_level=rules.real_name_level)
