"""What an application needs: a lender's published product, a firm's own match that shows it, and a need."""

import json

from features.identifiers import synthetic_uscc
from serving.reports.sealing import seal_text
from tests.matching_documents import match_document_by_hand
from tests.service import BANK, Ask, Running

FIRM = synthetic_uscc("applying", "firm")
PRODUCT = "TEST-LOAN"
NEED = {"amount_cny": "500000.00", "term_months": 12, "purpose": "operation"}
_OFFER = """
WITH made AS (
    INSERT INTO product (code, institution, created_at) VALUES (%(code)s, %(institution)s, %(now)s)
    ON CONFLICT DO NOTHING)
INSERT INTO product_version (code, version, state, valid_from, document, submitted_by, submitted_at, reviewed_by,
    reviewed_at)
SELECT %(code)s, 1, 'published', '2026-01-01', %(document)s, 'U-0', %(now)s, 'U-1', %(now)s
WHERE NOT EXISTS (SELECT 1 FROM product_version WHERE code = %(code)s)
"""
_MATCH = """
INSERT INTO match (match_id, uscc, institution, asked_by, scope, opened, consents, purpose, as_of, made_at, valid_until,
    lake_version, bundle_id, shelf, inputs_hash, eligible, document)
VALUES (%(match)s, %(uscc)s, '', 'U-0', 'self', '{}', '{}', 'self_report', %(now)s, %(now)s, %(now)s, 1, '', '', repeat('0', 64),
    %(eligible)s, %(document)s)
"""


def offer(running: Running, institution: str = BANK, code: str = PRODUCT, **version: object) -> str:
    """A product on the shelf that asks about tax; its code."""
    words = {"zh": f"测试贷{code}", "en": f"test loan {code}"}
    said = {
        "valid_from": "2026-01-01", "source": "us", "evidence": "P", "regions": ["*"], "when": "vat_sales_sum_12m_cny >= 1 元",
        "limit": {"at_most": "100 万元"}, "rate": {"least": 4, "most": 6}, "term_months": {"most": 24}, "guarantee": ["credit"],
    }  # fmt: skip
    document = {
        "code": code, "institution": institution, "name": words, "lender": words, "versions": [said | version],
    }  # fmt: skip
    running.sql(
        _OFFER,
        code=code,
        institution=institution,
        document=json.dumps(document),
        now=running.clock.now,
    )
    running.sql(
        "UPDATE product SET change_no = nextval('product_change_no') WHERE code = %(code)s",
        code=code,
    )
    return code


def match(
    running: Running, uscc: str = FIRM, *eligible: str, told: dict[str, object] | None = None
) -> str:
    """A match of today that the firm made itself; its id. `told` are members of its document."""
    match_id = f"H-{next(running.numbers)}"
    running.sql(
        _MATCH,
        match=match_id,
        uscc=uscc,
        eligible=list(eligible or (PRODUCT,)),
        document=_sealed(running, match_id, uscc, told),
        now=running.clock.now,
    )
    return match_id


def _sealed(running: Running, match_id: str, uscc: str, told: dict[str, object] | None) -> bytes:
    own = {"scope": "self", "purpose": "self_report"}
    text = match_document_by_hand(match_id, uscc, running.clock.now, **own | (told or {}))
    return seal_text(running.house.vault, match_id, text)


def state_need(running: Running, who: Ask, uscc: str = FIRM, **more: object) -> str:
    """A need; its id."""
    body = {"uscc": uscc, "need": NEED, "statements": {"offers_guarantor": True}} | more
    answer = running.post("/v1/needs", who, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["need_id"])


def apply(running: Running, owner: Ask, code: str = PRODUCT) -> str:
    """An application of the owner's firm; its id."""
    body = {
        "need_id": state_need(running, owner, owner.tenant),
        "match_id": match(running, owner.tenant, code),
        "product": code,
    }
    answer = running.post("/v1/applications", owner, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["application_id"])


_BY_HAND = """
WITH need AS (
    INSERT INTO financing_need (need_id, uscc, institution, amount_fen, term_months, purpose, statements, source, made_by,
        made_at)
    VALUES (%(need)s, %(firm)s, %(institution)s, 50000000, 12, 'operation', '{"offers_guarantor": true}', 'officer',
        'U-0', %(now)s)),
matched AS (
    INSERT INTO match (match_id, uscc, institution, asked_by, scope, opened, consents, purpose, as_of, made_at,
        valid_until, lake_version, bundle_id, shelf, inputs_hash, eligible, document)
    VALUES (%(own_match)s, %(firm)s, '', 'U-0', 'self', '{}', '{}', 'self_report', %(now)s, %(now)s, %(now)s, 1, '', '',
        repeat('0', 64), ARRAY[%(product)s], %(document)s))
INSERT INTO application (application_id, need_id, match_id, uscc, institution, product, family, grade, state, since,
    expires_at, contact_by, decide_by, applied_by, applied_at)
VALUES (%(application)s, %(need)s, %(own_match)s, %(firm)s, %(institution)s, %(applied)s, 'credit', '', 'applied', %(now)s,
    %(now)s::timestamp + interval '40 days', %(now)s::timestamp + interval '4 days', %(now)s::timestamp + interval '14 days',
    'U-0', %(now)s)
"""


def apply_by_hand(
    running: Running,
    firm: str,
    institution: str,
    product: str,
    mark: str,
    applied: str = "GONE-LOAN",
) -> dict[str, str]:
    """A need an officer took down, a match that shows a product, and an application; their ids by name.

    Parameters
    ----------
    applied : str
        The product applied for; by default one that nobody offers.
    """
    letters = {"need": "F", "own_match": "M-own", "application": "Q"}
    made = {name: f"{letter}-{mark}" for name, letter in letters.items()}
    given = {"institution": institution, "firm": firm, "product": product, "applied": applied}
    document = _sealed(running, made["own_match"], firm, None)
    running.sql(_BY_HAND, **made, **given, document=document, now=running.clock.now)
    return made
