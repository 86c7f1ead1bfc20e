"""Firms with records in a lake, and cases about them, for tests of disputes. All codes are invented."""

import atexit
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from features.contracts import load_catalogue
from features.engine import connect
from features.identifiers import check_characters
from features.lake import Lake
from features.mapping import identity_mapping
from features.pull.spool import land_rows
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from features.vault import Vault
from serving.database.addresses import Addresses
from serving.disputes.tasks import Desk
from tests.service import Ask, Running, service

LONG_AGO = datetime(2026, 10, 1, 9)
CATALOGUE = load_catalogue()
PENALTY_NO = "罚〔2026〕1号"
PENALTY = {"dataset": "admin_penalty", "record": {"doc_no": PENALTY_NO}}
#: What the owner writes; tests look for it where it must not be.
PLEA = "我公司并非当事人，请核实。"


def code(region: str, body: str = "MA6TTT00") -> str:
    """A credit code with right check characters."""
    first16 = f"91{region}{body}"
    return first16 + "".join(check_characters(f"{first16}0"))


FIRM, NEIGHBOUR, SHANDONG = code("610100"), code("610100", "MA6TTT01"), code("371300")


def land(
    home: Path, dataset: str, *rows: Mapping[str, str | None], now: datetime = LONG_AGO
) -> None:
    """Land rows by the ordinary ingest, with one commit."""
    mapping = identity_mapping(CATALOGUE[dataset])
    land_rows(
        [dict(row) for row in rows],
        mapping,
        Lake(home / "lake"),
        Vault(home / "vault"),
        now=now,
        name=f"{dataset}-test",
    )


def penalty(uscc: str, **cells: str) -> dict[str, str | None]:
    """A fine of 50,000 yuan."""
    row = {
        "uscc": uscc,
        "doc_no": PENALTY_NO,
        "decided_on": "2026-08-01",
        "fine_amount": "50000.00",
        "penalty_kinds": "2a",
    }
    return {**row, **cells}


@cache
def _landed() -> TemporaryDirectory[str]:
    """A home with three firms, each with one penalty; made once, then copied."""
    made = TemporaryDirectory(prefix="firms-", ignore_cleanup_errors=True)
    home = Path(made.name)
    for uscc in (FIRM, NEIGHBOUR, SHANDONG):
        land(home, "reg_basic", {"uscc": uscc, "name": "测试公司", "status": "active"})
        land(home, "admin_penalty", penalty(uscc))
    atexit.register(made.cleanup)
    return made


def firms_with_penalties(home: Path) -> None:
    """Three firms, each with one penalty."""
    for room in ("lake", "vault"):
        shutil.copytree(Path(_landed().name) / room, home / room)


@contextmanager
def cases(addresses: Addresses, **more: Any) -> Generator[Running]:
    """The service on a ledger of one's own, with the firms in its lake."""
    with service(addresses, before=firms_with_penalties, **more) as running:
        yield running


def desk(running: Running) -> Desk:
    """What the tasks work with."""
    home = running.house.settings.home
    return Desk(running.house.database, Lake(home / "lake"), running.house.vault, CATALOGUE)


def filed(running: Running, owner: Ask, **more: object) -> str:
    """A dispute of the penalty; its id."""
    answer = running.post("/v1/disputes", owner, json={**PENALTY, "text": PLEA, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["case_id"]


def step(running: Running, who: Ask, case_id: str, name: str, **said: str) -> Any:
    """One step that must succeed; the case after it."""
    rooms = {"D": "disputes", "M": "reviews", "R": "repairs"}
    path = f"/v1/{rooms[case_id[0]]}/{case_id}/steps"
    answer = running.post(path, who, json={"step": name, **said})
    assert answer.status_code == 200, answer.text
    return answer.json()


def checking(running: Running, operator: Ask, case_id: str) -> None:
    """Bring a dispute as far as a decision."""
    step(running, operator, case_id, "accept")
    step(running, operator, case_id, "forward", reference="省节点 2026-1")
    step(running, operator, case_id, "check")


def rating_of(running: Running, uscc: str, rating_id: str) -> str:
    """A rating as the room of ratings would have written it; only what cases look at is true."""
    running.sql(
        "INSERT INTO rating (rating_id, uscc, institution, asked_by, scope, opened, consents, purpose, need_id, "
        "is_public_only, as_of, rated_at, valid_until, model, bundle_id, lake_version, score, grade, feature_hash, document) "
        "VALUES (%(rating_id)s, %(uscc)s, '', '', 'self', '{}', '{}', 'self_report', '', false, '2026-11-20', "
        "'2026-11-20', '2026-12-20', 'm', 'b', 1, 600, 'BBB', '', '{}')",
        rating_id=rating_id,
        uscc=uscc,
    )
    return rating_id


def repair_granted(running: Running) -> str:
    """A repair of the firm's penalty that the authority granted; not landed yet."""
    owner, operator = running.owner(FIRM), running.operator()
    body = {
        "dataset": "admin_penalty",
        "record_no": PENALTY_NO,
        "application_no": "XF-1",
        "text": PLEA,
    }
    case_id = running.post("/v1/repairs", owner, json=body).json()["case_id"]
    step(running, operator, case_id, "forward", reference="函〔2026〕9号")
    said = {"basis": "已履行", "decided_by": "测试市监管局", "certificate_no": "修〔2026〕7号"}
    step(running, operator, case_id, "grant", **said)
    return case_id


def penalties_seen(home: Path, *, now: datetime, purpose: Purpose = Purpose.SELF_REPORT) -> int:
    """How many penalties of the firm a look of its own sees at the end of October 2026."""
    view = Lake(home / "lake").view()
    scope = DataScope(frozenset(CATALOGUE.datasets), purpose, date(2099, 1, 1))
    firm = [view.find_enterprise(FIRM).key]
    as_of = date(2026, 10, 31)
    with open_snapshot(
        view,
        CATALOGUE,
        as_of,
        scope,
        now=now,
        enterprises=firm,
        threads=1,
        datasets=["admin_penalty"],
    ) as snapshot:
        return len(snapshot.connection.sql("SELECT row_id FROM visible_admin_penalty").fetchall())


def notices_in_lake(home: Path) -> int:
    """How many notices of repair the lake holds."""
    view = Lake(home / "lake").view()
    if not view.files("credit_repair"):
        return 0
    with connect(threads=1) as connection:
        rows = connection.execute(f"SELECT row_id FROM {view.rows(CATALOGUE['credit_repair'])}")
        return len(rows.fetchall())
