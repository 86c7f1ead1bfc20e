"""A few firms whose records are known, and products of a test bank, for tests of matching. All is invented."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from features.identifiers import synthetic_uscc
from tests.builders import TinyLake
from tests.cases import land
from tests.leaving import KNOWN
from tests.rated_town import AS_OF, build_vectors, model_features, promote_model
from tests.service import Ask, Running

#: Old enough and clean; founded last December; a dishonest judgment debtor.
SOUND, YOUNG, POOR = (synthetic_uscc("matching", name) for name in ("sound", "young", "poor"))
FIRMS = (SOUND, YOUNG, POOR)
FOUNDED = {SOUND: "2015-03-01", YOUNG: "2025-12-01", POOR: "2015-03-01"}
NEED = {"amount_cny": "500000.00", "term_months": 12, "purpose": "operation"}
MAY = ["product:submit", "match:create", "match:read", "match:list", "pre_credit:create", "reverse_match:create"]  # fmt: skip
TERMS: dict[str, Any] = {
    "valid_from": "2026-11-20",
    "source": "price list of the test bank",
    "regions": ["3713"],
    "limit": {"at_least": "10 万元", "at_most": "300 万元"},
    "rate": {"least": 4.0, "most": 4.0, "quoted_on": "2026-11-20"},
    "term_months": {"least": 6, "most": 36},
    "guarantee": ["credit"],
    "evidence": "P",
}


def settle(home: Path, day: date = AS_OF) -> None:
    """A lake with the firms, a model that serves, and vectors of a day for it."""
    land_firms(home)
    build_vectors(home, TinyLake(home / "lake"), model_features(), day=day)
    promote_model(home)


def land_firms(home: Path, founded: Mapping[str, str] = FOUNDED) -> None:
    """Everything that is on record about the firms; they differ in their age and in what `POOR` has done."""
    records: dict[str, dict[str, str]] = {
        "reg_annual_report": {"report_year": "2025", "filed_on": "2026-03-01", "employees": "20", "revenue": "9000000", "assets": "5000000"},
        "tax_credit_rating": {"consent_id": "C-1", "rating_year": "2025", "grade": "A", "published_on": "2026-04-01"},
        "pension_month": {"consent_id": "C-1", "month": "202604", "insured": "12", "employer_amount": "30000"},
        "electricity_month": {"consent_id": "C-1", "month": "202604", "account_no": "1", "usage": "9000", "billed": "10"},
    }  # fmt: skip
    register = [
        {"uscc": firm, "name": "测试公司", "reg_status": "1", "entity_type": "company", "industry_code": "2614",
         "region_code": "371302", "established_on": day}
        for firm, day in founded.items()
    ]  # fmt: skip
    land(home, "reg_basic", *register, now=KNOWN)
    for dataset, record in records.items():
        land(home, dataset, *({"uscc": firm, **record} for firm in founded), now=KNOWN)
    bad = {"uscc": POOR, "case_no": "1", "published_on": "2026-01-01"}
    land(home, "dishonest_debtor", bad, now=KNOWN)


def publish(running: Running, bank: Ask, code: str, **terms: object) -> None:
    """Put a product of a bank on the shelf."""
    name = {"zh": f"测试贷{code}", "en": f"loan {code}"}
    new = {"code": code, "name": name, "lender": name, "channels": ["tech"], "terms": TERMS | terms}
    handed_in = running.post("/v1/products", bank, json=new)
    assert handed_in.status_code == 201, handed_in.text
    review = {"outcome": "published", "note": "numbers checked"}
    path = f"/v1/products/{code}/versions/1/review"
    assert running.post(path, running.operator(), json=review).status_code == 200


_ON_SHELF = """
WITH product AS (INSERT INTO product (code, institution, created_at) VALUES (%(code)s, %(bank)s, %(now)s) RETURNING code)
INSERT INTO product_version (code, version, state, valid_from, document, submitted_by, submitted_at, reviewed_at)
SELECT code, 1, 'published', '2026-11-20', %(document)s, 'A-0', %(now)s, %(now)s FROM product
"""


def put_on_shelf(running: Running, bank: str, code: str, **terms: object) -> None:
    """The same straight in the ledger."""
    name = {"zh": f"测试贷{code}", "en": f"loan {code}"}
    entry = {"code": code, "name": name, "institution": bank, "lender": name, "channels": ["tech"]}
    document = json.dumps(entry | {"versions": [TERMS | terms]})
    running.sql(_ON_SHELF, code=code, bank=bank, document=document, now=running.clock.now)


def ask(uscc: str, **more: object) -> dict[str, object]:
    """The body of a match."""
    return {"uscc": uscc, "purpose": "self_report", "need": NEED, **more}
