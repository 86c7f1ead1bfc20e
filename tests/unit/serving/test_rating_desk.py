"""The desk: swapped whole, refused loudly, never answering for firms it no longer knows."""

import shutil
from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.contracts import load_catalogue
from features.online import CURRENT
from features.scope import Purpose
from models.portrait import Kinds
from models.record import rating_table
from serving.access.decision import LiveConsent
from serving.ratings.desk import Desk
from serving.ratings.desks import Desks
from serving.ratings.document import About, rating_document
from serving.ratings.errors import NoModelError
from serving.ratings.replay import replay
from serving.ratings.repository import Rating
from serving.ratings.service import Order, rate
from serving.ratings.sight import Opened
from tests.builders import TinyLake
from tests.rated_town import AS_OF, CODE, NOW, Town, build_vectors, promote_model

SCOPES = frozenset({"tax", "invoice", "loan"})


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def home(town: Town, tmp_path: Path) -> Path:
    town.move_in(tmp_path)
    return tmp_path


@pytest.fixture
def desks(home: Path) -> Generator[Desks]:
    made = Desks(home)
    yield made
    made.close()


def later(**step: float) -> datetime:
    return NOW + timedelta(**step)


async def rating(desks: Desks, desk: Desk, uscc: str, now: datetime) -> Rating:
    order = Order(uscc, Purpose.APPLY, "bank", "A-1")
    return await rate(desks, desk, order, LiveConsent(("C-1",), SCOPES), now)


def key_of(uscc: str) -> int:
    """The surrogate key of a firm of the town."""
    return next(key for key in range(1, 30) if CODE.format(key) == uscc)


@pytest.mark.anyio
async def test_a_promoted_bundle_is_read_once_and_swapped_whole(
    desks: Desks, home: Path, town: Town
) -> None:
    first = await desks.desk(NOW)
    before = await rating(desks, first, town.usccs[0], NOW)
    assert await desks.fresh(later(seconds=1)) is first
    bundle_id = promote_model(home, seed=2)
    second = await desks.fresh(later(seconds=2))
    assert (second.bundle.id, second.online) == (bundle_id, first.online)
    # A request that began at the old desk ends at it.
    after = await rating(desks, first, town.usccs[0], NOW)
    assert (after.score, after.bundle_id) == (before.score, first.bundle.id)
    assert first.bundle.id != bundle_id


@pytest.mark.anyio
async def test_a_damaged_bundle_is_refused_and_the_old_one_goes_on(
    desks: Desks, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = await desks.desk(NOW)
    bundle_id = promote_model(home, seed=3)
    model = home / "bundles" / bundle_id / "model.txt"
    model.write_text(model.read_text().replace("leaf_value=", "leaf_value=9", 1))
    assert (await desks.fresh(later(seconds=1))).bundle is first.bundle
    assert "another model.txt" in desks.refused
    assert [record.message for record in caplog.records] == ["bundle refused: bundle"]
    good = promote_model(home, seed=4)
    assert (await desks.fresh(later(seconds=2))).bundle.id == good
    assert desks.refused == ""


@pytest.mark.anyio
async def test_what_was_refused_together_with_a_sound_bundle_does_not_hide_it(
    desks: Desks, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = await desks.desk(NOW)
    bundle_id = promote_model(home, seed=6)
    sound = (home / "online" / CURRENT).readlink()
    (home / "online" / CURRENT).unlink()
    second = await desks.fresh(later(seconds=1))
    assert (second.bundle.id, second.online) == (bundle_id, first.online)
    assert "no online vectors" in desks.refused
    assert [record.message for record in caplog.records] == ["build refused: online"]
    (home / "online" / CURRENT).symlink_to(sound)
    assert (await desks.fresh(later(seconds=2))).bundle.id == bundle_id
    assert desks.refused == ""


@pytest.mark.anyio
async def test_a_damaged_bundle_does_not_hide_a_new_build(
    desks: Desks, home: Path, town: Town
) -> None:
    first = await desks.desk(NOW)
    (home / "bundles" / promote_model(home, seed=7) / "model.txt").write_text("")
    build_vectors(home, TinyLake(home / "lake", CODE), town.features, later(seconds=1))
    second = await desks.fresh(later(seconds=2))
    assert second.bundle is first.bundle
    assert second.online.folder != first.online.folder
    assert "another model.txt" in desks.refused
    good = promote_model(home, seed=8)
    third = await desks.fresh(later(seconds=3))
    assert (third.bundle.id, third.online) == (good, second.online)
    assert desks.refused == ""


@pytest.mark.anyio
async def test_without_a_model_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NoModelError, match="Train one with `xinqiao train`"):
        await Desks(tmp_path).desk(NOW)


@pytest.mark.anyio
async def test_a_landing_makes_only_its_firms_stale(desks: Desks, home: Path, town: Town) -> None:
    (touched, calm, *_) = town.usccs
    first = await desks.desk(NOW)
    assert first.at_hand(touched, AS_OF) is not None
    lake = TinyLake(home / "lake", CODE)
    row = {
        "enterprise_key": key_of(touched),
        "case_no": "(2026)1",
        "available_at": datetime(2026, 5, 1),
        "published_on": AS_OF - timedelta(days=9),
    }
    lake.land("dishonest_debtor", [_filled("dishonest_debtor", row)])
    desk = await desks.fresh(later(seconds=1))
    assert desk.at_hand(touched, AS_OF) is None
    assert desk.at_hand(calm, AS_OF) is not None
    fresh = await rating(desks, desk, touched, later(seconds=1))
    assert '"online_build":""' in fresh.document
    assert "dishonest_debtor" in fresh.document.split('"unknown_knockouts"')[0]
    build_vectors(home, lake, town.features, later(seconds=2))
    newest = await desks.fresh(later(seconds=3))
    again = await rating(desks, newest, touched, later(seconds=3))
    assert (again.score, again.grade, again.feature_hash) == (
        fresh.score,
        fresh.grade,
        fresh.feature_hash,
    )
    assert '"online_build":""' not in again.document


@pytest.mark.anyio
async def test_consent_events_in_the_lake_make_nobody_stale(
    desks: Desks, home: Path, town: Town
) -> None:
    await desks.desk(NOW)
    row = {"enterprise_key": key_of(town.usccs[0]), "available_at": NOW, "occurred_at": NOW}
    TinyLake(home / "lake", CODE).land("consent_event", [_filled("consent_event", row)])
    desk = await desks.fresh(later(seconds=1))
    assert desk.stale.usccs == frozenset()


@pytest.mark.anyio
async def test_a_rating_replays_after_what_came_later(desks: Desks, home: Path, town: Town) -> None:
    uscc = town.usccs[0]
    desk = await desks.desk(NOW)
    given = await rating(desks, desk, uscc, NOW)
    lake = TinyLake(home / "lake", CODE)
    row = {
        "enterprise_key": key_of(uscc),
        "case_no": "(2026)2",
        "available_at": datetime(2026, 5, 1),
        "published_on": AS_OF - timedelta(days=9),
    }
    lake.land("dishonest_debtor", [_filled("dishonest_debtor", row)])
    promote_model(home, seed=5)
    desk = await desks.fresh(later(seconds=1))
    assert replay(desk, home, given, later(seconds=1)).outcome == "equal"
    changed = await rating(desks, desk, uscc, later(seconds=1))
    assert changed.grade != given.grade or changed.bundle_id != given.bundle_id
    shutil.rmtree(home / "bundles" / given.bundle_id)
    assert replay(desk, home, given, later(seconds=1)).outcome == "bundle_gone"


def _filled(dataset: str, row: Mapping[str, object]) -> dict[str, object]:
    known = load_catalogue()[dataset].lake_columns()
    return {name: value for name, value in row.items() if name in known}


@pytest.mark.parametrize("scopes", [frozenset(), SCOPES, frozenset({"raw"})])
def test_what_a_scope_closes_is_what_the_snapshot_closes(scopes: frozenset[str]) -> None:
    catalogue = load_catalogue()
    closed = Opened("grantee", scopes).withheld(catalogue)
    for dataset in catalogue:
        is_open = dataset.document.sensitivity == "public" or (
            dataset.needs_consent and dataset.document.consent_scope in scopes
        )
        assert (dataset.name in closed) is not is_open, dataset.name
    assert Opened("self", scopes).withheld(catalogue) == frozenset()


@pytest.mark.anyio
@pytest.mark.parametrize("opened", [Opened("self"), Opened("grantee"), Opened("grantee", SCOPES)])
async def test_one_at_a_desk_is_as_all_in_a_table(desks: Desks, town: Town, opened: Opened) -> None:
    desk = await desks.desk(NOW)
    sight = desk.sight(opened)
    facts = [found for uscc in town.usccs if (found := desk.at_hand(uscc, AS_OF)) is not None]
    matrix = np.stack([each.values for each in facts])
    names = desk.columns_for(desk.knockouts).names
    asked = desk.knockouts.check(
        dict(zip(names, matrix.T, strict=True)), len(facts), sight.withheld
    )
    kinds = np.array([each.kind for each in facts])
    size = "size_class_public" if "annual_figures" in sight.withheld else "size_class"
    table = rating_table(
        desk.bundle,
        np.ascontiguousarray(matrix[:, : desk.width]),
        usccs=town.usccs,
        source_ids=town.usccs,
        as_of_date=AS_OF,
        scope=opened.kind,
        withheld=sight.withheld,
        knockouts=asked,
        kinds=Kinds(kinds[size].astype(np.str_), kinds["industry_section"].astype(np.str_)),
    ).to_pydict()
    assert len(facts) == len(town.usccs)
    for row, each in enumerate(facts):
        one = desk.rate(each, sight)
        assert one is not None
        about = About("R-1", town.usccs[row], "apply", "", opened, (), NOW)
        told = rating_document(desk, sight, one, about)
        for name in ("score", "grade", "model_grade", "base_points", "points_limit", "coverage"):
            assert told[name] == table[name][row], name
        assert told["feature_hash"] == table["feature_hash"][row]
        assert told["probability"] == table["pd_12m"][row]
        codes = desk.bundle.layout.groups
        assert told["points"] == {code: table[f"points_{code}"][row] for code in codes}
        place = one.portraits.position("F1")
        assert (place if isinstance(place, int) else None) == table["portrait_f1"][row]
        assert one.knockouts.holding()[0] == table["capped_by"][row]
