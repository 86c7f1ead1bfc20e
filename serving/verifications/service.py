"""Deciding about a verification: what it needs, whether one more may be asked, what is answered."""

from dataclasses import replace
from datetime import datetime, time, timedelta

from features.contracts import load_catalogue
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from serving.access.decision import Resource, not_found
from serving.errors import TooManyRequestsError
from serving.look import Look
from serving.reading import Stop
from serving.reports.cut import Reader
from serving.reports.service import find_firm
from serving.verifications.questions import Question, Verdict, read_question
from serving.verifications.repository import count_question
from serving.verifications.rules import Rules, askable, load_rules, needs_of
from serving.verifications.schemas import VerificationAnswer, VerificationRequest


async def answer_question(look: Look, asked: VerificationRequest) -> VerificationAnswer:
    """Answer one question; neither it nor the answer is kept, only that one was asked.

    Raises
    ------
    MalformedError, NotPermittedError
        If this cannot be asked at all.
    NotFoundError
        For a firm on no register here.
    NeedAuthorisationError
        Without the consent the column needs.
    TooManyRequestsError
        If this column of this firm was asked about often enough.
    """
    rules = load_rules()
    said = asked.question
    dataset, column = askable(load_catalogue(), said.dataset, said.column)
    given = said.value if isinstance(said.value, list) else [said.value]
    question = read_question(dataset, said.column, said.operator, given, rules, look.house.vault)
    needs, is_public = needs_of(dataset, column)
    resource = Resource(
        uscc=asked.uscc,
        institution=look.caller.tenant,
        needs=needs,
        purpose=Purpose(asked.purpose),
        is_public=is_public,
    )
    reader = await look.house.reading.read(lambda _: find_firm(look, asked.uscc))
    if reader is None:
        look.asked.append(replace(resource, needs=frozenset()))
        raise not_found()
    await look.allow(resource)
    look.says(
        fields=(f"{dataset.name}.{said.column}",),
        dataset=dataset.name,
        column=said.column,
        operator=said.operator,
    )
    left = await _count(look, asked.uscc, question, rules)
    verdict: Verdict | None = await look.house.reading.read(
        lambda stop: _ask(reader, question, look.now, stop)
    )
    if verdict is None:
        raise not_found()
    return VerificationAnswer(answer=verdict, left_today=left)


async def _count(look: Look, uscc: str, question: Question, rules: Rules) -> int:
    """Count the question, or refuse it; how many are left today.

    An answer that fails later is undone with its count.
    """
    today, window = await count_question(
        look.connection,
        institution=look.caller.tenant,
        subject=look.house.subject_of(uscc),
        dataset=question.dataset.name,
        column=question.name,
        day=look.now.date(),
        window_days=rules.window_days,
    )
    if today > rules.per_day or window > rules.per_window:
        raise _too_often(look.now, rules)
    return min(rules.per_day - today, rules.per_window - window)


def _ask(reader: Reader, question: Question, now: datetime, stop: Stop) -> Verdict | None:
    """Read the lake; None if the firm is on no register now. Not for the event loop."""
    name = question.dataset.name
    scope = DataScope(frozenset({name, "reg_basic"}), Purpose.SELF_REPORT, now.date())
    with (
        open_snapshot(
            reader.lake,
            reader.catalogue,
            now.date(),
            scope,
            now=now,
            enterprises=[reader.key],
            threads=1,
            datasets={name},
        ) as snapshot,
        stop.watch(snapshot),
    ):
        if snapshot.connection.execute("SELECT count(*) FROM enterprise").fetchall() == [(0,)]:
            return None
        [(records, is_so)] = snapshot.connection.execute(
            question.sql, question.parameters
        ).fetchall()
    return question.verdict(int(records), is_so)


def _too_often(now: datetime, rules: Rules) -> TooManyRequestsError:
    midnight = datetime.combine(now.date() + timedelta(days=1), time())
    return TooManyRequestsError(
        en=f"This column of this enterprise may be asked about {rules.per_day} times a day and {rules.per_window} "
        f"times in {rules.window_days} days. Ask the enterprise for authorisation to see more.",
        zh=f"同一企业的同一字段每天最多核验 {rules.per_day} 次，{rules.window_days} 天内最多 {rules.per_window} 次；"
        "如需更多信息，请向企业取得授权。",
        details={"retry_after_seconds": int((midnight - now).total_seconds())},
    )
