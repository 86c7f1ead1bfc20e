"""Ratings at the wire."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from features.scope import Purpose
from models.manifest import ProbabilityKind
from models.portrait import Absence
from models.scorer import Confidence
from serving.ratings.sight import ScopeKind

Uscc = Annotated[
    str,
    Field(
        pattern="^[0-9A-Z]{18}$",
        description="统一社会信用代码 unified social credit code.",
        examples=["91370100MA3C0W2J9X"],
    ),
]
AsOf = Annotated[
    date,
    Field(
        ge=date(2000, 1, 1),
        description="Data known by the end of this day; the latest if left out.",
    ),
]
RatingPurpose = Literal[Purpose.APPLY, Purpose.PRE_CREDIT, Purpose.POSTLOAN, Purpose.SELF_REPORT]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Wording(_Closed):
    """The same in both languages."""

    zh: str
    en: str


class RatingRequest(_Closed):
    """Rate one enterprise."""

    uscc: Uscc
    purpose: RatingPurpose = Field(
        description="What the consent must be for; `self_report` is an owner's own and needs none."
    )
    as_of: AsOf | None = None
    need_id: str = Field(default="", max_length=64, pattern="^[A-Za-z0-9_.-]*$")
    require: list[Annotated[str, Field(max_length=40)]] = Field(
        default_factory=list,
        max_length=40,
        description="Consent scopes without which no rating is wanted: `need_authorisation` names what is closed.",
    )
    public_only: bool = Field(
        default=False,
        description="Rate from public data alone, without a consent; always of low confidence.",
    )


class KnockoutAnswer(_Closed):
    """A fact that caps the grade."""

    code: str
    words: Wording
    grade_at_most: str


class ReasonAnswer(_Closed):
    """One group of reasons with its share of the score."""

    code: str
    title: Wording
    points: int
    facts: list[Wording]


class OtherReasons(_Closed):
    """Everything not listed, in one row."""

    groups: int
    points: int


class WithheldGroup(_Closed):
    """A group of which nothing may be seen."""

    code: str
    title: Wording


class AdviceAnswer(_Closed):
    """What would help."""

    code: str
    advice: Wording


class ReasonsAnswer(_Closed):
    """The score as a sum."""

    negative: list[ReasonAnswer]
    positive: list[ReasonAnswer]
    others: OtherReasons
    withheld: list[WithheldGroup]
    advice: list[AdviceAnswer]


class DimensionAnswer(_Closed):
    """A position among peers, 50 the median, or why there is none."""

    code: str
    words: Wording
    position: int | None = Field(ge=0, le=100)
    absent: Absence | None


class PortraitAnswer(_Closed):
    """Six positions."""

    peers: str | None
    dimensions: list[DimensionAnswer]


class RatingDocument(_Closed):
    """A rating: `base_points` + listed reasons + `others` + `points_limit` = `score`."""

    rating_id: str
    uscc: str
    purpose: RatingPurpose
    need_id: str
    scope: ScopeKind
    is_public_only: bool
    as_of: date
    rated_at: datetime = Field(description="Asia/Shanghai.")
    valid_until: date
    score: int
    grade: str
    grade_words: Wording
    suggested_use: Wording
    model_grade: str = Field(
        description="Before knock-outs; `score` and `probability` are its own."
    )
    grade_range: tuple[str, str] | None = Field(description="Printed where confidence is low.")
    capped_by: list[KnockoutAnswer]
    unknown_knockouts: list[KnockoutAnswer] = Field(
        description="Could not be known; no clean bill."
    )
    probability_kind: ProbabilityKind
    probability: float
    probability_low: float | None = Field(
        description="Of the grade in validation, not of the firm."
    )
    probability_high: float | None
    interval_level: float
    label: Wording
    base_points: int
    base_points_full_scope: int
    points: dict[str, int]
    points_limit: int
    reasons: ReasonsAnswer
    portrait: PortraitAnswer
    coverage: float = Field(ge=0, le=1)
    confidence: Confidence
    withheld: list[str] = Field(description="Datasets this rating did not see.")
    need_authorisation: list[str] = Field(
        description="Consent scopes that would show the model more."
    )
    consents: list[str]
    model: str
    bundle_id: str
    online_build: str = Field(description="Empty if computed from the lake for this rating.")
    lake_version: int
    feature_hash: str
    disclaimer: Wording


class RatingStub(_Closed):
    """That a rating was made; what it said is read by its id, under a live consent."""

    rating_id: str
    uscc: str
    purpose: RatingPurpose
    scope: ScopeKind
    as_of: date
    rated_at: datetime
    valid_until: date
    model: str
    batch_id: str | None


class Erased(_Closed):
    """Records the rating may have read that are no longer kept."""

    dataset: str
    rule: str
    words: Wording
    erased_on: date
    records: int


class RepairedRecord(_Closed):
    """A record the rating may have read that was repaired since; a rating of today does not see it."""

    dataset: str
    record_no: str | None = Field(description="Told to the firm alone.")
    repaired_at: datetime


class ReplayAnswer(_Closed):
    """Whether a rating comes out the same again; it holds no values."""

    rating_id: str
    outcome: Literal["equal", "different", "bundle_gone", "bundle_refused"]
    differs: list[str] = Field(description="Members of the rating that come out otherwise.")
    erased: list[Erased]
    repaired: list[RepairedRecord]
    bundle_id: str
    lake_version: int
