"""Matches at the wire."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from features.scope import Purpose
from serving.ratings.schemas import Uscc, Wording
from serving.ratings.sight import ScopeKind

#: A fact as it is said: yes or no, a number in the fact's own unit, a code of its list.
Given = bool | Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=40)]
FactName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,60}$")]
Facts = Annotated[
    dict[FactName, Given],
    Field(max_length=60, description="By name; the names and units are at /v1/match-facts."),
]
Order = Literal["personal", "plain"]
MatchPurpose = Literal[Purpose.APPLY, Purpose.PRE_CREDIT, Purpose.SELF_REPORT]
ProductCode = Annotated[str, Field(pattern="^[A-Z][A-Z0-9_-]{1,31}$")]
ChannelCode = Annotated[str, Field(pattern="^[a-z_]{1,32}$")]
#: Why a product is where it is: `eligible`, a few conditions short, closed by consent, or unknown.
Standing = Literal["eligible", "near", "need_authorisation", "need_data", "not_eligible"]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Need(_Closed):
    """What money is looked for."""

    amount_cny: Decimal = Field(gt=0, le=10**11, max_digits=14, decimal_places=2)
    term_months: int = Field(ge=1, le=360)
    purpose: str = Field(
        max_length=40,
        pattern="^[a-z_]+$",
        description="A code of `need_purpose` at /v1/match-facts.",
    )


class Asking(_Closed):
    """What every question of matching says."""

    uscc: Uscc
    purpose: MatchPurpose = Field(
        description="What the consent must be for; `self_report` is an owner's own and needs none."
    )
    need: Need
    offers: Facts = Field(default_factory=dict[str, Given])
    statements: Facts = Field(
        default_factory=dict[str, Given],
        description="The firm's own word, never proof; a lender may add what only it knows.",
    )


class MatchRequest(Asking):
    """Match one firm's need with products."""

    order: Order = Field(
        default="personal",
        description="`plain` is by rate, then name, the same for everybody: no personal order.",
    )
    products: list[ProductCode] = Field(
        default_factory=list, max_length=100, description="Only these; all when left out."
    )
    channel: ChannelCode | None = None
    limit: int = Field(default=20, ge=1, le=100, description="Products told in each section.")


class PreCreditRequest(Asking):
    """Estimate what could be lent: by one product, or by the best of each channel."""

    product: ProductCode | None = None


class ReverseRequest(_Closed):
    """Which firms fit a product of the caller's."""

    product: ProductCode
    need: Need


class FeeAnswer(_Closed):
    """A cost beside interest."""

    words: Wording
    percent_at_most: float


class TermsAnswer(_Closed):
    """What a product would give this firm.

    An amount or a rate that cannot be known is null, and its known bounds stand beside it.
    """

    limit_cny: Decimal | None
    limit_at_most_cny: Decimal | None
    covers_need: bool | None
    rate_percent: float | None = Field(description="A year, nominal.")
    rate_least_percent: float | None
    rate_most_percent: float | None
    term_months: float | None
    fees: list[FeeAnswer]
    fee_percent: float


class AskAnswer(_Closed):
    """One thing that would settle a condition.

    Not met: a `tag` to gain or lose, a `threshold` to reach, another `fact`. Not known: a scope to
    `authorise`, an answer to `supply`, a lender to `confirm`, a `record` that nobody holds.
    """

    kind: Literal["tag", "threshold", "fact", "authorise", "supply", "confirm", "record"]
    name: str
    words: Wording
    question: Wording | None = Field(description="What the firm is asked, if it can say it itself.")
    scopes: list[str]
    found: Wording | None = Field(description="The firm's own value, told to the firm alone.")
    short: Wording | None = Field(
        description="How far it is from the limit, told to the firm alone."
    )


class ConditionAnswer(_Closed):
    """One condition, and where it is not known to hold what would settle it: any one of `asks`."""

    words: Wording
    is_met: bool | None = Field(description="Null where it is not known.")
    asks: list[AskAnswer]


class PartAnswer(_Closed):
    """One part of the score that orders eligible products."""

    code: str
    words: Wording
    value: float
    weight: float


class PlaceAnswer(_Closed):
    """Why a product stands where it does."""

    place: int
    score: float | None
    parts: list[PartAnswer]
    why: Wording


class ProductAnswer(_Closed):
    """One product as it stands to this firm and need."""

    code: str
    name: Wording
    lender: Wording
    institution: str = Field(description="Empty for a product of the starter catalogue.")
    channels: list[str]
    standing: Standing
    terms: TermsAnswer
    guarantee: list[str]
    repayment: Wording | None
    approval_days: int | None
    evidence: Literal["V", "P"]
    evidence_words: Wording | None = Field(
        description="示例参数 where the figures are illustrative."
    )
    source: str
    conditions: list[ConditionAnswer] = Field(
        description="Met ones of an eligible product; of another those that are missing."
    )
    scopes_needed: list[str] = Field(
        description="Consent scopes a lender would need to see the same."
    )
    place: PlaceAnswer | None


class Counts(_Closed):
    """How many of all products stand where."""

    products: int
    eligible: int
    near: int
    need_authorisation: int
    need_data: int
    not_eligible: int


class Versions(_Closed):
    """What an answer was computed with."""

    shelf: str = Field(description="Hash of every product, tag and rule in force.")
    lake_version: int
    model: str
    bundle_id: str
    ranking: str


class MatchDocument(_Closed):
    """Products for a need, in an order that is told."""

    match_id: str
    uscc: str
    scope: ScopeKind
    purpose: MatchPurpose
    as_of: date
    made_at: datetime = Field(description="Asia/Shanghai.")
    valid_until: date
    order: Order
    channel: str | None
    need: Need
    offers: Facts
    statements: Facts
    grade: str | None = Field(description="Null where nothing that is open gives a rating.")
    counts: Counts
    eligible: list[ProductAnswer]
    near: list[ProductAnswer]
    need_authorisation: list[ProductAnswer]
    need_data: list[ProductAnswer]
    consents: list[str]
    inputs_hash: str = Field(
        description="The same inputs give the same hash and the same products."
    )
    versions: Versions
    disclaimer: Wording


class EstimateAnswer(_Closed):
    """What one product could come to."""

    channel: str | None
    product: ProductAnswer


class PreCreditAnswer(_Closed):
    """预授信: an estimate by fixed rules, no commitment."""

    uscc: str
    scope: ScopeKind
    as_of: date
    valid_until: date
    need: Need
    grade: str | None
    estimates: list[EstimateAnswer]
    is_commitment: Literal[False] = False
    inputs_hash: str
    versions: Versions
    words: Wording


class FitAnswer(_Closed):
    """A consenting firm that fits."""

    uscc: str
    grade: str | None
    terms: TermsAnswer
    consents: list[str]


class ReverseAnswer(_Closed):
    """Firms that fit a product: those that opened themselves to the caller by name, others as a count."""

    product: str
    as_of: date
    consenting: int = Field(description="Firms with a live pre-credit consent to the caller.")
    fitting: list[FitAnswer]
    is_cut: bool = Field(description="More firms fit than are named.")
    undecided: int = Field(description="Consenting firms of which something asked is unknown.")
    others: int | None = Field(
        description="Firms without a consent of which nothing public speaks against it; null where `<10`."
    )
    others_words: str = Field(examples=["<10"])
    versions: Versions


class PolicyAnswer(_Closed):
    """A policy as it stands to the firm."""

    code: str
    name: Wording
    kind: str
    authority: Wording
    channels: list[str]
    benefit: Wording
    subsidy_cny: Decimal | None = Field(description="Worked out for a year; null where unknown.")
    subsidy_at_most_cny: Decimal | None
    claim: Wording
    standing: Standing
    evidence: Literal["V", "P"]
    evidence_words: Wording | None
    source: str
    conditions: list[ConditionAnswer]


class PolicyCounts(_Closed):
    """How many policies stand where."""

    policies: int
    eligible: int
    near: int
    need_data: int
    not_eligible: int


class PolicyMatchAnswer(_Closed):
    """Policies for the firm itself."""

    uscc: str
    as_of: date
    valid_until: date
    counts: PolicyCounts
    eligible: list[PolicyAnswer]
    near: list[PolicyAnswer]
    need_data: list[PolicyAnswer]
    disclaimer: Wording


class ChannelAnswer(_Closed):
    """A column 专栏: tags, products and policies that belong together."""

    code: str
    words: Wording
    about: Wording
    tags: list[str]
    products: list[str]
    policies: list[str]


class FactAnswer(_Closed):
    """A fact that may be said with a need."""

    name: str
    unit: str
    source: str
    words: Wording
    asked: Wording | None
    codes: dict[str, Wording]


class MatchStub(_Closed):
    """That a match was made."""

    match_id: str
    uscc: str
    purpose: MatchPurpose
    as_of: date
    made_at: datetime
    valid_until: date
    eligible: int
