"""Data verification 数据核验: send a provider a value to confirm, keep the answer and forget the value.

The value lives in a `Question` and in the request, nowhere else: it is in no file, log, error or
hash. What lands is who was asked, which question, when, under which consent, and the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from features.contracts import Catalogue
from features.documents import suggestion
from features.errors import ProviderError, RequestError, ScopeError
from features.lake import Lake
from features.mapping import identity_mapping
from features.pull.answers import Asked, read_answer
from features.pull.client import Client, RefusedError
from features.pull.consents import ConsentBook
from features.pull.spool import Row, land_rows
from features.scope import Purpose
from features.vault import Vault

RESULTS = "verification_result"


class Verdict(StrEnum):
    """What came of a question; anything a provider says beyond the first three is `unavailable`."""

    YES = "yes"
    NO = "no"
    MISMATCH = "mismatch"
    UNAVAILABLE = "unavailable"


#: What a provider may say; `unavailable` is ours to say.
_SAID = frozenset({Verdict.YES, Verdict.NO, Verdict.MISMATCH})


@dataclass(frozen=True)
class Question:
    """What to confirm about a firm.

    Parameters
    ----------
    question : str
        One of the questions the endpoint's file offers.
    value : str
        Never shown, stored or hashed.
    """

    dataset: str
    question: str
    uscc: str
    value: str = field(repr=False, compare=False)


@dataclass(frozen=True)
class Outcome:
    """The answer, and why there is none (a reason code of the pull)."""

    record_id: str
    verdict: Verdict
    reason: str | None = None


def verify(
    question: Question,
    client: Client,
    lake: Lake,
    vault: Vault,
    catalogue: Catalogue,
    *,
    purpose: Purpose,
    clock: Callable[[], datetime],
    token: Callable[[], str],
    grantee: str = "platform",
) -> Outcome:
    """Ask the provider and land the outcome.

    Raises
    ------
    ProviderError, RequestError
        If the endpoint does not take this question, or no value is given.
    ScopeError
        If the firm has no live consent for the dataset; then nobody is asked.
    """
    _require_offered(question, client)
    dataset = catalogue[question.dataset]
    book = ConsentBook(lake, catalogue, dataset, grantee=grantee, purpose=purpose, clock=clock)
    consent_id = book.consent_of(question.uscc)
    if consent_id is None:
        raise ScopeError(
            en=f"{question.uscc} is not on the register or has no live consent to {grantee} for "
            f"{purpose} that covers '{dataset.name}'; nobody was asked. Ask the enterprise for it.",
            zh=f"{question.uscc} 未登记，或没有授权 {grantee} 为 {purpose} 使用“{dataset.name}”的有效授权，"
            "未发出核验；请先取得企业授权。",
        )
    asked_at = clock()
    outcome = _ask(question, client, consent_id, asked_at, token())
    row: Row = {
        "uscc": question.uscc,
        "record_id": outcome.record_id,
        "question": f"{question.dataset}:{question.question}",
        "answer": outcome.verdict.value,
        "asked_at": asked_at.isoformat(sep=" ", timespec="seconds"),
        "provider": client.endpoint.provider,
        "under_consent": consent_id,
    }
    results = identity_mapping(catalogue[RESULTS])
    land_rows([row], results, lake, vault, now=asked_at, name="verification")
    return outcome


def _ask(
    question: Question, client: Client, consent_id: str, asked_at: datetime, record_id: str
) -> Outcome:
    asked = Asked(record_id, question.uscc, asked_at.date(), asked_at.date())
    request = {
        "request_id": record_id,
        "dataset": question.dataset,
        "uscc": question.uscc,
        "consent_id": consent_id,
        "question": question.question,
        "value": question.value,
    }
    try:
        answer = read_answer(client.ask(request), asked, set()).get("answer")
    except RefusedError as refusal:
        return Outcome(record_id, Verdict.UNAVAILABLE, refusal.reason)
    if isinstance(answer, str) and answer in _SAID:
        return Outcome(record_id, Verdict(answer))
    return Outcome(record_id, Verdict.UNAVAILABLE, "schema")


def _require_offered(question: Question, client: Client) -> None:
    endpoint = client.endpoint
    if endpoint.dataset != question.dataset:
        raise ProviderError(
            en=f"The endpoint answers about '{endpoint.dataset}', not '{question.dataset}'.",
            zh=f"该接口提供“{endpoint.dataset}”的核验，而非“{question.dataset}”。",
        )
    if question.question not in endpoint.questions:
        known = ", ".join(endpoint.questions) or "none"
        hint = suggestion(question.question, list(endpoint.questions))
        raise ProviderError(
            en=f"The endpoint takes no question '{question.question}'.{hint} It takes: {known}.",
            zh=f"该接口没有核验事项“{question.question}”。可用：{known}。",
        )
    if not question.value.strip():
        raise RequestError(
            en="No value was given to verify. Give it on standard input.",
            zh="没有待核验的值，请从标准输入提供。",
        )
