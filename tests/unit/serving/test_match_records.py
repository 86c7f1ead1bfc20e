"""What is on record of firms: the online build and the lake say the same, whatever is open and whatever has landed."""

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.facts import COLUMNS
from features.stale import Stale
from models.matching.inputs import FirmColumns
from models.products.book import load_products
from serving.matching.admitting import names_of
from serving.matching.records import Question
from serving.products.shelves import shelf_of
from serving.ratings.desk import Desk
from serving.ratings.desks import Desks
from serving.ratings.sight import Opened
from serving.reading import Stop
from tests.builders import TinyLake
from tests.rated_town import AS_OF, CODE, NOW, Town, build_vectors

NAMES = names_of(shelf_of(load_products(), date(2026, 11, 20)))
TITLES = "real_estate_free_count"
SCOPES = [
    pytest.param(Opened("self"), id="self"),
    pytest.param(Opened("grantee", frozenset({"tax", "invoice", "agri"})), id="some"),
]


@pytest.fixture(scope="module")
def home(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The town with a build that holds everything products ask of its records, and what the model reads."""
    home = tmp_path_factory.mktemp("records")
    town.move_in(home)
    wanted = {*NAMES, *town.features.names}
    held = COLUMNS.select([name for name in COLUMNS.names if name in wanted])
    build_vectors(home, TinyLake(home / "lake", CODE), held, NOW - timedelta(seconds=1))
    return home


@pytest.fixture(scope="module")
def desk(home: Path) -> Desk:
    return asyncio.run(Desks(home).desk(NOW))


def at_lake(desk: Desk) -> Desk:
    """The desk, if its build spoke for nobody."""
    return replace(desk, unsure=Stale(frozenset(), is_everyone=True, lake_version=0))


def asked(desk: Desk, opened: Opened) -> Question:
    return Question(desk, NAMES, opened.withheld(desk.catalogue), NOW, Stop())


def table(found: FirmColumns) -> dict[str, dict[str, str]]:
    """Every value of every firm, to the last bit."""
    return {
        uscc: {name: repr(column[row].item()) for name, column in found.columns.items()}
        for row, uscc in enumerate(found.usccs)
    }


@pytest.mark.parametrize("opened", SCOPES)
def test_the_build_says_what_the_lake_says(desk: Desk, opened: Opened) -> None:
    whole = table(asked(at_lake(desk), opened).of_everybody())
    assert table(asked(desk, opened).of_everybody()) == whole
    firms = list(whole)[1::2]
    some = {uscc: whole[uscc] for uscc in firms}
    assert table(asked(desk, opened).of([*firms, "91370100MA00000000"])) == some
    lacking = replace(desk, held=desk.held.select(desk.held.names[::2]))
    assert table(asked(lacking, opened).of(firms)) == some
    # A firm of the lake and firms of the build in one answer.
    moved = replace(desk.unsure, usccs=frozenset(firms[:1]))
    assert table(asked(replace(desk, unsure=moved), opened).of(firms)) == some
    assert table(asked(replace(desk, unsure=moved), opened).of_everybody()) == whole


def test_what_is_closed_is_unknown_in_the_build_as_well(desk: Desk) -> None:
    own, public = (
        asked(desk, opened).of_everybody().columns for opened in (Opened("self"), Opened("grantee"))
    )
    assert not np.isnan(np.asarray(own[TITLES], dtype=np.float64)).all()
    assert np.isnan(np.asarray(public[TITLES], dtype=np.float64)).all()


def test_a_record_no_model_reads_sends_its_firm_to_the_lake(home: Path, tmp_path: Path) -> None:
    moved = Town(home, COLUMNS, [])
    moved.move_in(tmp_path)
    before = asyncio.run(Desks(tmp_path).desk(NOW))
    assert "realestate_registry" not in before.columns_for(before.knockouts).datasets
    uscc = CODE.format(2)
    row = {
        "enterprise_key": 2,
        "unit_no": "U-NEW",
        "registered_on": AS_OF - timedelta(days=30),
        "available_at": datetime(2026, 5, 20),
    }
    TinyLake(tmp_path / "lake", CODE).land("realestate_registry", [row])
    after = asyncio.run(Desks(tmp_path).desk(NOW + timedelta(minutes=1)))
    assert (after.stale.usccs, after.unsure.usccs) == (frozenset(), {uscc})
    assert after.at_hand(uscc, AS_OF) is not None
    told = [table(asked(desk, Opened("self")).of([uscc]))[uscc] for desk in (before, after)]
    assert told[0][TITLES] != told[1][TITLES]
    assert table(asked(after, Opened("self")).of_everybody()) == table(
        asked(at_lake(after), Opened("self")).of_everybody()
    )
