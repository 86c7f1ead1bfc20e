"""Tags at the wire."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from features.datasets import Words
from models.tags.book import Kind
from models.tags.held import State
from serving.disputes.schemas import AnswerText, Body, ShortText, StatementText
from serving.tags.rows import Claim, Contest, ContestState

TagCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Uscc = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{18}$")]
_MOST = 500


class RestsOn(Body):
    """One thing a tag's rule asks, and what is known of it."""

    name: str
    words: Words
    value: Words


class TagAnswer(Body):
    """One tag of one firm, and why."""

    tag: str
    words: Words
    group: str
    kind: Kind
    state: State
    is_personal: bool = Field(description="It says something of a person; the firm may remove it.")
    is_removed: bool = Field(description="The firm has removed it: unknown to everybody.")
    contest: ContestState | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    rule: str | None = Field(default=None, description="Of a computed tag.")
    source: str | None = Field(default=None, description="What the rule comes from.")
    rests_on: list[RestsOn] = Field(default_factory=list[RestsOn])
    need_authorisation: list[str] = Field(
        default_factory=list[str], description="Consent scopes that could decide what is unknown."
    )


class GroupAnswer(Body):
    """A group that tags are shown in."""

    code: str
    words: Words


class TagsAnswer(Body):
    """Every tag of a firm that may be told."""

    uscc: str
    as_of: date
    groups: list[GroupAnswer]
    tags: list[TagAnswer]


class Certificate(Body):
    """One tag that an authority certifies."""

    tag: TagCode
    uscc: Uscc
    valid_from: date
    valid_until: date | None = Field(
        default=None, description="Last day; as long as such a tag counts when left out."
    )
    authority: ShortText
    evidence_no: ShortText

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Certificate":
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        return self


class CertificateList(Body):
    """Certificates brought in together; each takes the place of the one before."""

    certificates: list[Certificate] = Field(min_length=1, max_length=_MOST)


class ClaimAnswer(Body):
    """A certificate or declaration as it is kept."""

    claim_id: str
    tag: str
    uscc: str
    kind: Literal["certified", "self_declared"]
    valid_from: date
    valid_until: date

    @classmethod
    def of(cls, claim: Claim) -> "ClaimAnswer":
        """As it travels."""
        return cls(
            claim_id=claim.claim_id,
            tag=claim.tag,
            uscc=claim.uscc,
            kind=claim.kind,
            valid_from=claim.valid_from,
            valid_until=claim.valid_until,
        )


class CertificatesAnswer(Body):
    """What was brought in."""

    certificates: list[ClaimAnswer]


class ContestMade(Body):
    """Why the firm says that it should not have a tag."""

    text: StatementText


class ContestAnswered(Body):
    """What the platform found; a tag whose contest is upheld is unknown from then on."""

    outcome: Literal["upheld", "rejected"]
    answer_zh: AnswerText


class ContestAnswer(Body):
    """A contest as its reader may see it."""

    contest_id: str
    uscc: str
    tag: str
    words: Words
    text: str
    state: ContestState
    made_at: datetime
    answered_at: datetime | None
    answer_zh: str

    @classmethod
    def of(cls, contest: Contest, words: Words) -> "ContestAnswer":
        """As it travels."""
        return cls(
            contest_id=contest.contest_id,
            uscc=contest.uscc,
            tag=contest.tag,
            words=words,
            text=contest.text,
            state=contest.state,
            made_at=contest.made_at,
            answered_at=contest.answered_at,
            answer_zh=contest.answer_zh,
        )
