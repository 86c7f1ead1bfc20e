"""File a case, take it a step on, and everything a step brings with it, in the caller's transaction."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from serving.access.decision import not_found
from serving.db import Connection
from serving.disputes import beside, repository
from serving.disputes.clocks import Kind, duties_done, duties_opened
from serving.disputes.machine import Actor, Standing, take
from serving.disputes.records import record_of
from serving.disputes.rows import CaseRow, NewCase, NoticeRow, StatementRow
from serving.disputes.steps import FINAL, FIRST
from serving.errors import ConflictError, MalformedError

SYSTEM = Actor("system", "system")
_LETTER: dict[Kind, str] = {"dispute": "D", "review": "M", "repair": "R"}
#: What a case was decided to be, in its round.
_OUTCOMES = frozenset(
    {"corrected", "rejected", "both_recorded", "upheld", "rating_ordered", "grade_overridden"}
    | {"granted", "refused"}
)
#: The owner's words are kept with the case alone, where they can be erased; events never hold them.
_OWNERS_WORDS = "text"


def new_id(kind: Kind) -> str:
    """An id that nobody can guess."""
    return f"{_LETTER[kind]}-{secrets.token_hex(10)}"


async def file_case(connection: Connection, case: NewCase, actor: Actor, now: datetime) -> None:
    """File a case and start its clocks.

    Raises
    ------
    ConflictError
        If an open case is about the same thing.
    """
    state = FIRST[case.kind]
    if not await repository.insert_case(connection, case, state, actor.id, now):
        known = await repository.open_case_about(connection, case)
        raise ConflictError(
            en=f"Case {known} about the same is still open. Go on with that one.",
            zh=f"同一事项的 {known} 尚未办结，请在该件中继续办理。",
            details={"case_id": known},
        )
    await repository.insert_event(connection, case.case_id, "file", ("", state), now, actor, {})
    duties = duties_opened(case.kind, "file", at=now, region=case.uscc[2:8], about=case.about)
    await repository.open_duties(connection, case.case_id, duties)


async def find_case(connection: Connection, kind: Kind, case_id: str, *, lock: bool) -> CaseRow:
    """One case of this kind.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    found = None
    if _is_id(case_id):
        found = await repository.read_case(connection, kind, case_id, lock=lock)
    if found is None:
        raise not_found()
    return found


async def find_statement(connection: Connection, statement_id: str) -> StatementRow:
    """One statement that stands.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    found = None
    if _is_id(statement_id):
        found = await beside.read_statement(connection, statement_id)
    if found is None:
        raise not_found()
    return found


def _is_id(text: str) -> bool:
    """Whether the ledger could be asked for it; it refuses some characters."""
    return text.isascii() and text.isprintable()


async def take_step(
    connection: Connection,
    case: CaseRow,
    step: str,
    actor: Actor,
    said: Mapping[str, str],
    now: datetime,
    *,
    rating_id: str | None = None,
) -> Standing:
    """Move a case that is locked, write what was done, and end and start duties.

    Parameters
    ----------
    said : mapping of str to str
        The fields that were filled in.
    rating_id : str, optional
        For `rated`: the new rating; none where the firm cannot be rated any more.

    Raises
    ------
    ServingError
        As `serving.disputes.machine.take`; then nothing is changed.
    """
    reviewer = said.get("reviewer", "")
    to = take(
        case.standing, step, actor, [k for k, v in said.items() if v], now=now, reviewer=reviewer
    )
    # After the machine, so that nobody else can find out who works here.
    if step == "assign" and reviewer and not await repository.is_operator(connection, reviewer):
        raise MalformedError(
            en="The reviewer is not one of the platform's operators. Name one who is.",
            zh="复核人不是平台工作人员，请另行指定。",
            details={"field": "reviewer"},
        )
    outcome = to.state if to.state in _OUTCOMES else case.outcome
    is_begun_again = step in {"appeal", "reapply"}
    await repository.move_case(
        connection,
        case.case_id,
        to,
        outcome="" if is_begun_again else outcome,
        answer_zh=said.get("answer_zh") if step == "answer" else None,
        appeal_text=said.get(_OWNERS_WORDS) if is_begun_again else None,
    )
    official = {name: value for name, value in said.items() if name != _OWNERS_WORDS and value}
    if rating_id is not None:
        official["rating_id"] = rating_id
    states = (case.state, to.state)
    await repository.insert_event(connection, case.case_id, step, states, now, actor, official)
    await _turn_clocks(connection, case, step, to, now, rating_id)
    await _write_beside(connection, case, step, actor, official, now)
    return to


async def _turn_clocks(
    connection: Connection,
    case: CaseRow,
    step: str,
    to: Standing,
    now: datetime,
    rating_id: str | None,
) -> None:
    done = duties_done(case.kind, step)
    await repository.do_duties(connection, case.case_id, done, now, rating_id)
    if to.state in FINAL:
        await repository.drop_duties(connection, case.case_id, now)
    opened = duties_opened(case.kind, step, at=now, region=case.region, about=case.about)
    await repository.open_duties(connection, case.case_id, opened)


async def _write_beside(
    connection: Connection,
    case: CaseRow,
    step: str,
    actor: Actor,
    said: Mapping[str, str],
    now: datetime,
) -> None:
    """What a decision leaves outside the case: a note on the rating, a notice for the lake."""
    if step == "grant":
        await beside.write_notice(connection, _notice(case, said, now))
    if case.kind != "review" or step not in {"uphold", "rated", "confirm_override"}:
        return
    events = await repository.read_events(connection, case.case_id)
    decided = next(
        e for e in reversed(events) if e.step in {"uphold", "order_rating", "propose_override"}
    )
    note = beside.NewNote(
        case_id=case.case_id,
        rating_id=case.rating_id,
        outcome="upheld" if step == "uphold" else "re_rated",
        basis=decided.said["basis"],
        reviewer=decided.actor,
        new_rating_id=said.get("rating_id"),
    )
    if step == "confirm_override":
        note = replace(
            note,
            outcome="grade_overridden",
            grade=decided.said["grade"],
            second_person=actor.id,
        )
    await beside.write_note(connection, note, now)


def _notice(case: CaseRow, said: Mapping[str, str], now: datetime) -> NoticeRow:
    (record_no,) = record_of(case.dataset, case.record_key).key.values()
    return NoticeRow(
        case_id=case.case_id,
        uscc=case.uscc,
        dataset=case.dataset,
        record_no=record_no,
        repaired_at=now.replace(microsecond=0),
        decided_by=said["decided_by"],
        certificate_no=said["certificate_no"],
    )
