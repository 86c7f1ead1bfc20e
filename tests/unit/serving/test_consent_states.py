"""What a consent may be, at each limit and one beyond."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from features.contracts import load_catalogue
from features.errors import CatalogueError
from features.scope import PLATFORM, Purpose
from serving.access.callers import Caller, Role
from serving.consent.live import Opening, united
from serving.consent.notices import SECTIONS, load_notices, notice_on, told
from serving.consent.rules import known_scopes, rules_on
from serving.consent.states import (
    Consent,
    Wish,
    require_active,
    require_grantable,
    require_narrower,
)
from serving.errors import ConflictError, MalformedError, NotPermittedError, ServingError

TODAY = date(2026, 3, 2)
BANK = "91370000MA3TE5T000"
OWNER = Caller(Role.OWNER, id="P-1", tenant="91371302MA3TE5T11E", real_name_level=2)
WISH = Wish(
    grantee=BANK,
    purpose=Purpose.APPLY,
    scopes=frozenset({"tax", "invoice"}),
    valid_from=TODAY,
    valid_to=date(2026, 5, 30),
    notice_version=notice_on(TODAY).version,
)


def rule_of(refused: pytest.ExceptionInfo[ServingError]) -> object:
    """Both languages say something, and a machine reads which rule it was."""
    assert refused.value.en
    assert refused.value.zh
    return refused.value.details["rule"]


def test_ninety_days_of_an_application_are_allowed() -> None:
    # 2 March to 30 May: 30 days of March, 30 of April, 30 of May, both ends counted.
    require_grantable(WISH, OWNER, TODAY)


@pytest.mark.parametrize(
    ("change", "error", "rule"),
    [
        ({"valid_to": date(2026, 5, 31)}, MalformedError, "valid_to"),
        ({"valid_to": TODAY - timedelta(days=1)}, MalformedError, "valid_to"),
        ({"valid_from": TODAY - timedelta(days=1)}, MalformedError, "valid_from"),
        ({"scopes": frozenset()}, MalformedError, "scopes"),
        ({"scopes": frozenset({"taxes"})}, MalformedError, "scopes"),
        ({"scopes": frozenset({"tax", "raw"})}, ConflictError, "separately"),
        ({"separately": frozenset({"raw"})}, ConflictError, "separately"),
        ({"purpose": Purpose.REPLAY}, MalformedError, "purpose"),
        ({"purpose": Purpose.SELF_REPORT}, MalformedError, "purpose"),
        ({"purpose": Purpose.MODELLING}, MalformedError, "grantee"),
        ({"purpose": Purpose.POSTLOAN, "grantee": PLATFORM}, MalformedError, "grantee"),
        ({"notice_version": "notice-2024-1"}, ConflictError, "notice_version"),
        ({"method": "written_scan"}, MalformedError, "document_hash"),
        ({"method": "written_scan", "document_hash": "A" * 64}, MalformedError, "document_hash"),
        ({"document_hash": "a" * 64}, MalformedError, "document_hash"),
        ({"method": "imported"}, MalformedError, "method"),
    ],
)
def test_a_wish_beyond_a_limit_is_refused(
    change: dict[str, Any], error: type[ServingError], rule: str
) -> None:
    with pytest.raises(error, match=r"\w+") as refused:
        require_grantable(replace(WISH, **change), OWNER, TODAY)
    assert rule_of(refused) == rule


@pytest.mark.parametrize(
    "change",
    [
        {"valid_to": TODAY},
        {"scopes": frozenset({"tax", "raw"}), "separately": frozenset({"raw"})},
        {"method": "written_scan", "document_hash": "0a" * 32},
        {"purpose": Purpose.MODELLING, "grantee": PLATFORM},
        {"purpose": Purpose.POSTLOAN, "valid_to": date(2030, 1, 1)},
    ],
)
def test_a_wish_at_a_limit_is_granted(change: dict[str, Any]) -> None:
    require_grantable(replace(WISH, **change), OWNER, TODAY)


def test_who_is_not_surely_known_consents_to_nothing() -> None:
    with pytest.raises(NotPermittedError, match="real-name level is 1") as refused:
        require_grantable(WISH, replace(OWNER, real_name_level=1), TODAY)
    assert rule_of(refused) == "real_name_level"


def test_narrowing_leaves_some_and_never_more() -> None:
    consent = a_consent()
    require_narrower(consent, {"tax"})
    for scopes in ({"tax", "invoice"}, set[str](), {"tax", "loan"}, {"loan"}):
        with pytest.raises(ConflictError, match="Narrowing leaves some") as refused:
            require_narrower(consent, scopes)
        assert rule_of(refused) == "narrower"


@pytest.mark.parametrize("status", ["revoked", "expired", "used_up"])
def test_what_has_ended_stays_ended(status: Any) -> None:
    ended = replace(a_consent(), status=status)
    with pytest.raises(ConflictError, match=f"has ended \\({status}\\)"):
        require_active(ended)
    with pytest.raises(ConflictError, match=f"has ended \\({status}\\)"):
        require_narrower(ended, {"tax"})


def test_raw_of_one_kind_is_not_raw_of_another() -> None:
    def one(*scopes: str) -> Opening:
        return Opening("C", list(scopes), None, "active")

    assert united([one("tax", "raw"), one("tax")]) == {"tax", "raw"}
    assert united([one("tax", "raw"), one("invoice", "raw")]) == {"tax", "invoice", "raw"}
    assert united([one("tax", "raw"), one("invoice")]) == {"tax", "invoice"}
    assert united([]) == frozenset()


def test_every_scope_of_the_catalogue_has_a_name() -> None:
    wanted = {d.document.consent_scope for d in load_catalogue() if d.document.consent_scope}
    assert wanted <= set(known_scopes())
    assert {"raw", "joint_model"} == {s for s, words in known_scopes().items() if words.separate}


def test_the_notice_tells_all_that_must_be_told() -> None:
    blanks = {"grantee": "甲银行", "purpose": "贷款申请", "scopes": "纳税", "until": "2026-05-30"}
    for notice in load_notices():
        for language in ("zh", "en"):
            lines = told(notice, language, blanks)
            assert [name for name, _, _ in lines] == list(SECTIONS)
            text = "".join(line for _, _, line in lines)
            assert all(value in text for value in blanks.values())
            assert "{" not in text


def test_before_the_first_version_nothing_can_be_granted() -> None:
    with pytest.raises(CatalogueError, match="no version is in force on 2000-01-01"):
        rules_on(date(2000, 1, 1))
    with pytest.raises(CatalogueError, match="no notice is in force on 2000-01-01"):
        notice_on(date(2000, 1, 1))


def a_consent() -> Consent:
    return Consent(
        consent_id="C-a",
        uscc=OWNER.tenant,
        grantee=BANK,
        purpose="apply",
        scopes=["tax", "invoice"],
        need_id="",
        status="active",
        valid_from=TODAY,
        valid_to=TODAY,
        method="online_sign",
        document_hash=None,
        notice_version="notice-2025-1",
        grantor="P-1",
        real_name_level=2,
        max_queries=None,
        queries_used=0,
        granted_at=datetime(2026, 3, 2, 9),
        ended_at=None,
    )
