"""Planted data, and everything that leaves the service searched for them.

Persons' identifiers must be nowhere. What firms authorised stands in answers to the firm itself, and to
institutions to which it opened raw detail; secret values in answers to the firm alone; another firm's
code nowhere. All of it is invented.
"""

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString, cast
from urllib.parse import quote

import psycopg
import yaml
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from tests.builders import TinyLake
from tests.cases import land
from tests.rated_town import build_vectors, model_features, promote_model

SAMPLES = Path(__file__).with_name("integration") / "leaving.yaml"
TABLES = Path(__file__).with_name("spec") / "access"

PERSONS = {
    "representative": "欧阳铁柱",
    "representative id": "11010519491231002X",
    "phone": "13812345678",
    "holder": "司马长风",
    "holder id": "440524188001010014",
    "director": "诸葛青山",
    "director id": "530102192005080111",
    "account": "上官流云",
}
AUTHORISED = {"pension": "8371946520.37", "power": "5729183640.25", "water": "6193847205.5"}
SECRET = {"invoices": "9182736455.41", "loan": "7364519820.68", "lender": "青鸾秘鉴银行滨河支行"}
ANOTHER_FIRM = "91371302MA3TE5T11E"
#: Before the vectors are made.
KNOWN = datetime(2026, 5, 20, 9)


def plant(home: Path, firm: str, grantee: str) -> None:
    """A lake with the planted values, by the ordinary ingest; a model that serves, and vectors for it."""
    person = {
        "legal_rep_name": PERSONS["representative"],
        "legal_rep_id_no": PERSONS["representative id"],
    }
    free = f"当事人{PERSONS['director']}（{PERSONS['director id']}，电话{PERSONS['phone']}）"
    held = {"uscc": firm, "consent_id": "C-1"}
    month = {**held, "month": "202604"}
    agreed = {
        "occurred_at": "2026-01-01 09:00:00",
        "valid_from": "2026-01-01",
        "valid_to": "2026-12-31",
    }
    rows: list[tuple[str, dict[str, str | None]]] = [
        ("reg_basic", {"uscc": firm, "name": "测试公司", "reg_status": "1", "contact_phone": PERSONS["phone"], **person}),
        ("consent_event", {"uscc": firm, "event_id": "1", "consent_id": "C-1", "event": "granted", "grantee": grantee, "purpose": "apply", "scopes": "tax;utilities;social_insurance;invoice;loan", "grantor_name": PERSONS["representative"], "grantor_id_no": PERSONS["representative id"], **agreed}),
        ("reg_key_person", {"uscc": firm, "record_id": "1", "person_name": PERSONS["director"], "id_no": PERSONS["director id"], "position": "director", "from_date": "2020-01-01"}),
        ("reg_shareholder", {"uscc": firm, "record_id": "1", "holder_name": PERSONS["holder"], "holder_id_no": PERSONS["holder id"], "holder_kind": "person", "holder_uscc": ANOTHER_FIRM, "from_date": "2020-01-01", "subscribed": "100"}),
        ("admin_penalty", {"uscc": firm, "doc_no": "罚1", "decided_on": "2026-04-01", "facts": "见决定书", "fine_amount": "100", "penalty_kinds": "2a", "authority_uscc": ANOTHER_FIRM, **person}),
        ("reg_change", {"uscc": firm, "record_id": "1", "change_item": "legal_rep", "before": free, "after": free, "changed_on": "2025-01-01"}),
        ("gov_contract", {"uscc": firm, "contract_no": "1", "buyer": "采购人", "buyer_uscc": ANOTHER_FIRM, "amount": "1", "signed_on": "2025-01-01"}),
        ("pension_month", {**month, "insured": "12", "employer_amount": AUTHORISED["pension"]}),
        ("electricity_month", {**month, "account_no": "1", "usage": AUTHORISED["power"], "billed": "10"}),
        ("water_month", {**month, "account_no": "1", "account_name": PERSONS["account"], "usage": AUTHORISED["water"]}),
        ("tax_credit_rating", {**held, "rating_year": "2025", "grade": "A", "published_on": "2026-04-01"}),
        ("invoice_month", {**month, "out_amount": SECRET["invoices"], "out_count": "3", "red_amount": "0", "in_amount": "1", "in_count": "1"}),
        ("loan_account", {**held, "loan_id": "1", "granted_at": "2026-01-05 09:00:00", "amount": SECRET["loan"], "lender_name": SECRET["lender"]}),
    ]  # fmt: skip
    for dataset, row in rows:
        land(home, dataset, row, now=KNOWN)
    build_vectors(home, TinyLake(home / "lake"), model_features())
    promote_model(home)


def forms(text: str) -> frozenset[str]:
    """A text in every spelling it may leave in."""
    spelled = {text, quote(text), json.dumps(text)[1:-1]}
    if re.fullmatch(r"\d+\.\d+", text):
        whole, _, part = text.partition(".")
        spelled |= {whole + part.ljust(2, "0"), f"{int(whole):,}"}
    raw = {spelling.encode() for spelling in spelled} | {text.encode("gb18030")}
    found = spelled | {value.hex() for value in raw} | {value.hex().upper() for value in raw}
    for value in raw:
        found |= {hashlib.new(kind, value).hexdigest() for kind in ("sha256", "md5", "sha1")}
        found |= set(_base64(value))
    return frozenset(found)


def _base64(value: bytes) -> Iterator[str]:
    """The characters that stand in base64 whatever stands before and after the value."""
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(b"\0" * before + value).decode()
        inner = text[skipped : len(text) - (4 if (before + len(value)) % 3 else 0)]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


_FORMS = {
    kind: {f"{kind} {name}": forms(value) for name, value in plants.items()}
    for kind, plants in (
        ("person", PERSONS),
        ("authorised", AUTHORISED),
        ("secret", SECRET),
        ("firm", {"another": ANOTHER_FIRM}),
    )
}


def found_in(text: str, allowed: Collection[str] = ()) -> list[str]:
    """Names of planted values a text holds, but for the kinds that may stand there."""
    return [
        name
        for kind, plants in _FORMS.items()
        if kind not in allowed
        for name, spellings in plants.items()
        if any(spelling in text for spelling in spellings)
    ]


@dataclass(frozen=True)
class Sample:
    """One request that every role sends in both languages.

    Attributes
    ----------
    by : str
        The role that must be answered; empty for none.
    keep : mapping
        Names for later samples, and the member of the answer they come from.
    shows : sequence of str
        Kinds of plants that may stand in answers to institutions; the firm's own may hold all but persons.
    """

    ask: str
    body: Any = None
    form: Any = None
    by: str = ""
    keep: Mapping[str, str] = field(default_factory=dict[str, str])
    shows: Sequence[str] = ()

    @property
    def shape(self) -> str:
        """The request with nameless places."""
        return shape(self.ask)


def shape(ask: str) -> str:
    """`GET /v1/ratings/{}`."""
    return re.sub(r"\{[^}]*\}", "{}", ask)


def story() -> list[Sample]:
    """Samples that are answered with data, in their order."""
    lines: list[dict[str, Any]] = yaml.safe_load(SAMPLES.read_text("utf-8"))
    return [Sample(**line) for line in lines]


def access_lines() -> list[Sample]:
    """A request to every endpoint, from the tables of who may ask."""
    return [
        Sample(line["ask"], line.get("body"), line.get("form"))
        for path in sorted(TABLES.glob("*.yaml"))
        for line in yaml.safe_load(path.read_text("utf-8"))["endpoints"]
    ]


def endpoints(app: FastAPI) -> set[str]:
    """Every method and path of the application, hidden ones too."""
    return {
        f"{method} {route.path}"
        for held in app.routes
        for route in _within(held)
        for method in getattr(route, "methods", None) or ()
        if method != "HEAD"
    }


def _within(route: BaseRoute) -> list[Any]:
    router = getattr(route, "original_router", None)
    if not isinstance(router, APIRouter):
        return [route]
    return [inner for held in router.routes for inner in _within(held)]


def dump(owner: str) -> Iterator[tuple[str, str]]:
    """Every table of the ledger as text; bytes are hexadecimal there."""
    with psycopg.connect(owner) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for (name,) in names:
            query = cast("LiteralString", f'SELECT t::text FROM "{name}" t')
            rows = connection.execute(query).fetchall()
            yield name, "\n".join(text for (text,) in rows)


def files(home: Path) -> Iterator[tuple[str, str]]:
    """Everything the service wrote beside the lake, the vault and what ratings are made from."""
    for path in sorted(home.rglob("*")):
        place = path.relative_to(home)
        if path.is_file() and place.parts[0] not in {
            "lake",
            "vault",
            "online",
            "bundles",
            "tables",
        }:
            content = path.read_bytes()
            yield str(place), content.decode("utf-8", "replace") + content.hex()


def filled(part: Any, things: Mapping[str, str]) -> Any:
    """Names in braces replaced, in texts, lists and mappings."""
    if isinstance(part, str):
        return re.sub(r"\{(\w+)\}", lambda found: things.get(found[1], "x"), part)
    if isinstance(part, dict):
        return {key: filled(value, things) for key, value in part.items()}
    if isinstance(part, list):
        return [filled(value, things) for value in part]
    return part
