"""Whether a night has a ledger to read: none, one of an operator's own, the private one."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from models.products.book import load_products
from models.tags.held import Claims, Given
from serving.database.addresses import Addresses
from serving.errors import DatabaseError, SchemaError
from tests.databases import Ledger
from xinqiao import night_ledger
from xinqiao.night_ledger import LedgerPart, read_ledger
from xinqiao.settings import Settings, load_settings

DAY = date(2026, 11, 20)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for role in ("", "OWNER_", "SEALER_"):
        monkeypatch.delenv(f"XINQIAO_DATABASE_{role}URL", raising=False)
    return replace(load_settings(), home=tmp_path)


def test_without_a_ledger_the_starter_catalogue_is_all(settings: Settings) -> None:
    found = read_ledger(settings, DAY)
    assert not found.is_read
    assert found.entries == load_products()
    assert (list(found.claims.given), list(found.claims.removed)) == ([], [])
    assert not settings.database.exists()  # and none was started


def test_the_private_ledger_counts_once_it_was_started(
    settings: Settings, fresh_database: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes: list[Path] = []

    @contextmanager
    def opened(home: Path, _environment: object) -> Generator[Addresses]:
        homes.append(home)
        yield fresh_database

    monkeypatch.setattr(night_ledger, "opened", opened)
    settings.database.mkdir()
    site = dict.fromkeys(("place", "socket", "install"), "/nowhere") | {"uid": "1", "gid": "1"}
    (settings.database / "site.json").write_text(str(site).replace("'", '"'), "utf-8")
    found = read_ledger(settings, DAY)
    assert (homes, found.is_read) == ([settings.database], True)
    assert [entry.code for entry in found.entries] == [entry.code for entry in load_products()]


@pytest.mark.parametrize(
    ("variable", "address", "said"),
    [
        ("XINQIAO_DATABASE_URL", "postgresql://app:secret@127.0.0.1:1/ledger", "The ledger does not answer"),
        ("XINQIAO_DATABASE_URL", "http://ledger", "XINQIAO_DATABASE_URL is no PostgreSQL address"),
        ("XINQIAO_DATABASE_OWNER_URL", "host=/run dbname=x", "but XINQIAO_DATABASE_URL is not"),
    ],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_an_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, variable: str, address: str, said: str
) -> None:
    monkeypatch.setenv(variable, address)
    with pytest.raises(DatabaseError, match=said) as refused:
        read_ledger(settings, DAY)
    assert "secret" not in str(refused.value)


def test_a_ledger_of_another_schema_is_an_error(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINQIAO_DATABASE_URL", ledger.clone("template1").app)
    with pytest.raises(SchemaError, match="Run `xinqiao database migrate`"):
        read_ledger(settings, DAY)


def test_the_stamp_grows_from_everything_and_from_no_order() -> None:
    geese, town = Given("A", "four_geese", DAY, DAY), Given("A", "new_citizen", DAY, DAY)
    gone = [("A", "ind_c"), ("B", "ind_c")]
    entries = load_products()
    whole = LedgerPart(entries, Claims([geese, town], gone), is_read=True)
    again = LedgerPart(entries, Claims([town, geese], gone[::-1]), is_read=True)
    others = [
        LedgerPart(entries[1:], whole.claims, is_read=True),
        LedgerPart(entries, Claims([geese], gone), is_read=True),
        LedgerPart(entries, Claims([geese, town], gone[:1]), is_read=True),
        LedgerPart(entries, whole.claims, is_read=False),
    ]
    assert whole.stamp == again.stamp
    assert len({whole.stamp, *(other.stamp for other in others)}) == 5
