"""The real invoices of 425 firms: what lands, and that features say what the raw files say."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.engine import connect
from features.lake import Lake
from features.pipeline import FeatureTable, build_features
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from xinqiao.settings import load_settings
from xinqiao.tours import land_tour

DATA = load_settings().data
AS_OF = date(2020, 2, 29)
NOW = datetime(2026, 11, 21, 12)

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not (DATA / "cumcm2020c").is_dir(),
        reason=f"the public contest data are not in {DATA}; set XINQIAO_DATA",
    ),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("contest")
    land_tour(replace(load_settings(), home=home), "cumcm2020c")
    return home / "lake"


@pytest.fixture(scope="module")
def features(lake: Path) -> FeatureTable:
    catalogue = load_catalogue()
    scope = DataScope(frozenset(catalogue.datasets), Purpose.SELF_REPORT, NOW.date())
    with open_snapshot(Lake(lake).view(), catalogue, AS_OF, scope, now=NOW) as snapshot:
        return build_features(snapshot, REGISTRY)


def raw(direction: str) -> str:
    """The raw files of one direction, each invoice once: a number counts within its day."""
    files = str(DATA / "cumcm2020c" / f"{direction}_invoices_*.parquet")
    return (
        "(SELECT DISTINCT ON (enterprise_id, invoice_no, invoice_date) * REPLACE (trim(status) AS status) "
        f"FROM read_parquet('{files}'))"
    )


def rows(query: str) -> list[tuple[Any, ...]]:
    with connect() as connection:
        return connection.execute(query).fetchall()


def test_every_row_is_landed_a_duplicate_or_rejected(lake: Path) -> None:
    batches = [b for b in Lake(lake).view().batches if b.dataset == "invoice_line"]
    assert sum(b.delivered for b in batches) == 162_484 + 330_835 + 210_947 + 395_175
    for batch in batches:
        assert batch.delivered == batch.landed + batch.duplicates + batch.rejected
        assert sum(batch.reasons.values()) == batch.rejected
    found = rows(
        f"SELECT (SELECT count(*) FROM {raw('output')}) + (SELECT count(*) FROM {raw('input')})"
    )
    assert sum(b.landed for b in batches) == found[0][0]


def test_all_firms_have_features_and_none_is_nan_in_disguise(features: FeatureTable) -> None:
    assert features.table.num_rows == 425
    invoice = REGISTRY.reading_only({"invoice_line"}).names
    assert len(invoice) >= 45
    assert not np.isinf(features.matrix()).any()
    known = ~np.isnan(features.matrix(invoice))
    assert known.mean() > 0.95
    assert np.isnan(features.matrix(["monthly_sales_amount_sum_12m_cny"])).all()


@pytest.mark.parametrize(
    ("feature", "direction", "sql"),
    [
        (
            "sales_invoices_count_12m",
            "output",
            "count(*) FILTER (status = '有效发票' AND invoice_date > DATE '2019-02-28')",
        ),
        (
            "purchase_invoices_count_12m",
            "input",
            "count(*) FILTER (status = '有效发票' AND invoice_date > DATE '2019-02-28')",
        ),
        (
            "sales_void_count_share_12m",
            "output",
            "count(*) FILTER (status = '作废发票' AND invoice_date > DATE '2019-02-28') "
            "/ nullif(count(*) FILTER (invoice_date > DATE '2019-02-28'), 0)",
        ),
        (
            "sales_days_since_last",
            "output",
            "date_diff('day', max(invoice_date) FILTER (status = '有效发票' AND amount > 0), "
            "DATE '2020-02-29')",
        ),
    ],
)
def test_features_say_what_the_raw_files_say(
    lake: Path, features: FeatureTable, feature: str, direction: str, sql: str
) -> None:
    parties = Lake(lake).view().parties_sql()
    uscc_of = {
        origin.partition(":")[2]: uscc
        for uscc, origin in rows(f"SELECT party_id, origin FROM {parties} WHERE origin IS NOT NULL")
    }
    files = str(DATA / "cumcm2020c" / f"{direction}_invoices_*.parquet")
    # Which of two contents of one invoice lands is our choice; such firms are left out here.
    disputed = (
        f"SELECT enterprise_id FROM read_parquet('{files}') GROUP BY enterprise_id, invoice_no, "
        "invoice_date HAVING count(DISTINCT (counterparty_id, total, trim(status))) > 1"
    )
    expected = rows(
        f"SELECT enterprise_id, {sql} FROM {raw(direction)} "
        f"WHERE enterprise_id NOT IN ({disputed}) GROUP BY enterprise_id"
    )
    found = dict(zip(features.usccs, features.matrix([feature])[:, 0].tolist(), strict=True))
    assert len(expected) > 400
    for firm, value in expected:
        if value is None:
            assert np.isnan(found[uscc_of[firm]])
        else:
            assert found[uscc_of[firm]] == pytest.approx(float(value))
