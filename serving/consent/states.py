"""What may become of a consent, without a database: grant, narrow, end; never widen, never reopen."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from features.documents import suggestion
from features.scope import PLATFORM, Purpose
from serving.access.callers import Caller
from serving.consent.notices import notice_on
from serving.consent.rules import known_scopes, rules_on, separate_scopes
from serving.errors import ConflictError, MalformedError, NotPermittedError, ServingError

Status = Literal["active", "revoked", "expired", "used_up"]
Method = Literal["online_sign", "written_scan", "imported"]
#: Ways in which an enterprise consents here; `imported` comes from elsewhere.
METHODS = ("online_sign", "written_scan")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Consent:
    """A consent as the ledger keeps it.

    Attributes
    ----------
    uscc : str
        The enterprise that gave it.
    grantee : str
        USCC of one institution, or `platform`.
    need_id : str
        The loan application it is for; empty for none.
    valid_from, valid_to : date
        First and last day.
    max_queries : int or None
        How many looks it allows; None for any number.
    """

    consent_id: str
    uscc: str
    grantee: str
    purpose: str
    scopes: list[str]
    need_id: str
    status: Status
    valid_from: date
    valid_to: date
    method: Method
    document_hash: str | None
    notice_version: str | None
    grantor: str | None
    real_name_level: int | None
    max_queries: int | None
    queries_used: int
    granted_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Wish:
    """What an enterprise wants to grant; `separately` repeats by name what must not pass unseen."""

    grantee: str
    purpose: Purpose
    scopes: frozenset[str]
    valid_from: date
    valid_to: date
    notice_version: str
    method: str = "online_sign"
    separately: frozenset[str] = frozenset()
    document_hash: str | None = None
    need_id: str = ""
    max_queries: int | None = None


def require_grantable(wish: Wish, caller: Caller, today: date) -> None:
    """Refuse a consent that may not be, whoever else has given which.

    Raises
    ------
    NotPermittedError
        If nobody knows surely enough who the grantor is.
    ConflictError
        If the notice it names is not today's, or what is separate was not confirmed by name.
    MalformedError
        If days, scopes, method or purpose are not what they must be.
    """
    rules = rules_on(today)
    if caller.real_name_level < rules.real_name_level:
        raise NotPermittedError(
            en=f"Your real-name level is {caller.real_name_level}; a consent needs {rules.real_name_level}. "
            "Have your identity checked first.",
            zh=f"您的实名等级为 {caller.real_name_level}，授权需要 {rules.real_name_level}，请先完成实名认证。",
            details={"rule": "real_name_level", "needed": rules.real_name_level},
        )
    _require_purpose(wish, today)
    _require_scopes(wish)
    _require_days(wish, today)
    _require_document(wish, today)
    current = notice_on(today).version
    if wish.notice_version != current:
        raise ConflictError(
            en=f"The notice of risks '{wish.notice_version}' is not the one in force. Read '{current}' "
            "(/v1/consent-notices/current) and name it.",
            zh=f"风险告知书“{wish.notice_version}”不是现行版本，请阅读现行版本“{current}”（/v1/consent-notices/current）后再授权。",
            details={"rule": "notice_version", "current": current},
        )


def require_narrower(consent: Consent, scopes: Collection[str]) -> None:
    """Refuse to narrow to anything but some of what is open, and not all of it.

    Raises
    ------
    ConflictError
        If the consent has ended, or the scopes are none, all, or others than it opens.
    """
    require_active(consent)
    if not set(scopes) < set(consent.scopes) or not scopes:
        listed = ", ".join(consent.scopes)
        raise ConflictError(
            en=f"Consent {consent.consent_id} opens {listed}. Narrowing leaves some of these, not all and "
            "not none: to open more grant a new consent, to close all revoke this one.",
            zh=f"授权 {consent.consent_id} 的范围为 {listed}。缩小后须为其中一部分：扩大范围请另行授权，全部关闭请撤回。",
            details={"rule": "narrower", "scopes": list(consent.scopes)},
        )


def require_active(consent: Consent) -> None:
    """Refuse to change what has ended.

    Raises
    ------
    ConflictError
    """
    if consent.status != "active":
        raise ConflictError(
            en=f"Consent {consent.consent_id} has ended ({consent.status}); nothing of it can be changed.",
            zh=f"授权 {consent.consent_id} 已结束（{consent.status}），不能再变更。",
            details={"rule": "active", "status": consent.status},
        )


def _require_purpose(wish: Wish, today: date) -> None:
    known = rules_on(today).purposes
    rule = known.get(wish.purpose)
    if rule is None:
        listed = ", ".join(known)
        raise _malformed(
            "purpose",
            f"'{wish.purpose}' cannot be consented to. Purposes are {listed}.",
            f"用途“{wish.purpose}”不能授权，可选：{listed}。",
        )
    kind = "platform" if wish.grantee == PLATFORM else "institution"
    if rule.grantee not in {"any", kind}:
        raise _malformed(
            "grantee",
            f"'{wish.purpose}' can be granted to the {rule.grantee} only.",
            f"用途“{wish.purpose}”只能授权给{'平台' if rule.grantee == 'platform' else '机构'}。",
        )


def _require_scopes(wish: Wish) -> None:
    known = known_scopes()
    unknown = sorted(wish.scopes - set(known))
    if unknown or not wish.scopes:
        near = suggestion(unknown[0], list(known)) if unknown else ""
        raise _malformed(
            "scopes",
            f"Scopes must be some of {', '.join(known)}; found {', '.join(unknown) or 'none'}.{near}",
            f"授权范围须取自 {'、'.join(known)}；收到 {'、'.join(unknown) or '空'}。",
        )
    needed = separate_scopes(wish.scopes)
    if sorted(wish.separately) != needed:
        raise ConflictError(
            en=f"'separately' must name {', '.join(needed) or 'nothing'}: what is sensitive is confirmed by "
            f"name. It names {', '.join(sorted(wish.separately)) or 'nothing'}.",
            zh=f"须在 separately 中逐项单独确认：{'、'.join(needed) or '（无）'}；"
            f"收到：{'、'.join(sorted(wish.separately)) or '（无）'}。",
            details={"rule": "separately", "needed": needed},
        )


def _require_days(wish: Wish, today: date) -> None:
    most = rules_on(today).purposes[wish.purpose].most_days
    days = (wish.valid_to - wish.valid_from).days + 1
    if wish.valid_from < today:
        raise _malformed(
            "valid_from",
            f"It begins on {wish.valid_from}, before today ({today}). Begin today or later.",
            f"生效日 {wish.valid_from} 早于今天（{today}），请从今天或以后开始。",
        )
    if not 1 <= days <= most:
        raise _malformed(
            "valid_to",
            f"It lasts {days} days; for '{wish.purpose}' 1 to {most} are allowed, both ends counted.",
            f"授权期为 {days} 天；用途“{wish.purpose}”允许 1 至 {most} 天（首尾均计）。",
        )


def _require_document(wish: Wish, today: date) -> None:
    if wish.method not in METHODS:
        raise _malformed(
            "method",
            f"'{wish.method}' is none of {', '.join(METHODS)}.",
            f"授权方式“{wish.method}”不在 {'、'.join(METHODS)} 之中。",
        )
    is_needed = wish.method in rules_on(today).method_needs_document
    is_sound = wish.document_hash is not None and _SHA256.fullmatch(wish.document_hash) is not None
    if is_sound if is_needed else wish.document_hash is None:
        return
    raise _malformed(
        "document_hash",
        f"'{wish.method}' "
        + (
            "needs the scan's SHA-256, 64 hex digits."
            if is_needed
            else "has no scan; leave it out."
        ),
        f"授权方式“{wish.method}”"
        + ("须提供扫描件 SHA-256（64 位十六进制）。" if is_needed else "没有扫描件，请勿填写。"),
    )


def _malformed(part: str, en: str, zh: str) -> ServingError:
    return MalformedError(
        en=f"'{part}': {en}", zh=f"“{part}”：{zh}", details={"rule": part, "part": part}
    )
