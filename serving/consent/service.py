"""Decisions about consents: grant, narrow, revoke; end what is due and what an institution held."""

import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from features.scope import PLATFORM
from serving.access.callers import Caller
from serving.access.decision import Action, not_found
from serving.audit.record import Entry, write_entry
from serving.codes import require_code
from serving.consent import repository
from serving.consent.repository import Ending
from serving.consent.rules import known_scopes
from serving.consent.states import (
    Consent,
    Status,
    Wish,
    require_active,
    require_grantable,
    require_narrower,
)
from serving.db import Connection
from serving.errors import ConflictError

#: Consents ended in one transaction by the platform itself.
BATCH = 1_000

_NO_DIGITS = str.maketrans("0123456789", "ghijklmnop")

SubjectOf = Callable[[str], str]


async def grant(connection: Connection, caller: Caller, wish: Wish, now: datetime) -> Consent:
    """Grant a consent in the name of the caller's enterprise.

    Raises
    ------
    NotPermittedError, ConflictError, MalformedError
        What `require_grantable` says; 409 if the grantee is no active institution, or a live consent
        for the same stands.
    """
    require_grantable(wish, caller, now.date())
    require_code(caller.tenant)
    await _require_grantee(connection, wish.grantee)
    consent = _granted(caller, wish, now)
    same = await repository.add(connection, consent)
    if same is not None:
        raise ConflictError(
            en=f"Consent {same.consent_id} to this grantee for '{wish.purpose}' is live until {same.valid_to}. "
            "Narrow or revoke it first.",
            zh=f"对该机构、该用途的授权 {same.consent_id} 仍有效（至 {same.valid_to}），请先缩小或撤回。",
            details={"rule": "one_live", "consent_id": same.consent_id},
        )
    await repository.append(connection, "granted", [consent.consent_id], now=now, actor=caller.id)
    return consent


async def narrow(
    connection: Connection,
    caller: Caller,
    consent_id: str,
    scopes: Collection[str],
    now: datetime,
) -> Consent:
    """Leave only these scopes open.

    Raises
    ------
    ConflictError
        If the consent has ended, or the scopes are not some of its own.
    """
    consent = await _locked(connection, consent_id)
    require_narrower(consent, scopes)
    await repository.narrow(connection, consent_id, in_order(scopes))
    await repository.append(connection, "narrowed", [consent_id], now=now, actor=caller.id)
    return await _locked(connection, consent_id)


async def revoke(connection: Connection, caller: Caller, consent_id: str, now: datetime) -> Consent:
    """Take a consent back; the next look is refused.

    Raises
    ------
    ConflictError
        If it has ended before.
    """
    consent = await _locked(connection, consent_id)
    require_active(consent)
    await repository.end(connection, [consent_id], "revoked", now)
    await repository.append(connection, "revoked", [consent_id], now=now, actor=caller.id)
    return await _locked(connection, consent_id)


async def expire_due(
    connection: Connection, now: datetime, subject_of: SubjectOf, *, limit: int = BATCH
) -> int:
    """End live consents whose last day has passed; call again while it gives `limit`.

    Parameters
    ----------
    subject_of : callable
        The pseudonym of an enterprise in the record (`House.subject_of`).

    Returns
    -------
    int
        How many were ended, each with a row of the record.
    """
    due = await repository.lock_due(connection, now.date(), limit)
    await _end(connection, due, "expired", now, "date_passed", subject_of)
    return len(due)


async def end_all_for(
    connection: Connection,
    grantee: str,
    now: datetime,
    cause: str,
    subject_of: SubjectOf,
    *,
    limit: int = BATCH,
) -> int:
    """Revoke what an institution holds, for its exit; call again while it gives `limit`.

    Parameters
    ----------
    cause : str
        A short code, e.g. `institution_exit`.
    """
    held = await repository.lock_held(connection, grantee, limit)
    await _end(connection, held, "revoked", now, cause, subject_of)
    return len(held)


def new_id() -> str:
    """Random, and without digits: by chance these look like an ID number or a phone, which no lake takes."""
    return f"C-{secrets.token_hex(10).translate(_NO_DIGITS)}"


def in_order(scopes: Collection[str]) -> list[str]:
    """Scopes once each, in the order people read them."""
    return [scope for scope in known_scopes() if scope in scopes]


async def _locked(connection: Connection, consent_id: str) -> Consent:
    consent = await repository.read(connection, consent_id, lock=True)
    if consent is None:
        raise not_found()
    return consent


async def _require_grantee(connection: Connection, grantee: str) -> None:
    if grantee == PLATFORM or await repository.active_grantee(connection, grantee) is not None:
        return
    raise ConflictError(
        en="The grantee is no institution that is active here. Choose one of the active ones, or "
        f"'{PLATFORM}'.",
        zh=f"被授权机构不是平台上的有效机构，请选择有效机构或“{PLATFORM}”（平台）。",
        details={"rule": "grantee"},
    )


def _granted(caller: Caller, wish: Wish, now: datetime) -> Consent:
    return Consent(
        consent_id=new_id(),
        uscc=caller.tenant,
        grantee=wish.grantee,
        purpose=wish.purpose,
        scopes=in_order(wish.scopes),
        need_id=wish.need_id,
        status="active",
        valid_from=wish.valid_from,
        valid_to=wish.valid_to,
        method="written_scan" if wish.method == "written_scan" else "online_sign",
        document_hash=wish.document_hash,
        notice_version=wish.notice_version,
        grantor=caller.id,
        real_name_level=caller.real_name_level,
        max_queries=wish.max_queries,
        queries_used=0,
        granted_at=now,
        ended_at=None,
    )


async def _end(
    connection: Connection,
    endings: Sequence[Ending],
    status: Status,
    now: datetime,
    cause: str,
    subject_of: SubjectOf,
) -> None:
    if not endings:
        return
    ids = [ending.consent_id for ending in endings]
    await repository.end(connection, ids, status, now)
    event = "revoked" if status == "revoked" else "expired"
    await repository.append(connection, event, ids, now=now, actor="system", cause=cause)
    request_id = f"S-{secrets.token_hex(10)}"
    async with connection.pipeline():
        for ending in endings:
            await write_entry(connection, _entry(ending, now, cause, request_id, subject_of))


def _entry(
    ending: Ending, now: datetime, cause: str, request_id: str, subject_of: SubjectOf
) -> Entry:
    return Entry(
        at=now,
        request_id=request_id,
        actor_kind="system",
        actor="maintenance",
        role="system",
        tenant=None,
        action=f"{Action.CONSENT_CHANGE}:granted",
        subject=subject_of(ending.uscc),
        purpose=ending.purpose,
        consents=(ending.consent_id,),
        fields=(),
        result=cause,
        detail={},
    )
