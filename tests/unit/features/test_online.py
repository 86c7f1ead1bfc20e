import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.definitions import REGISTRY
from features.errors import OnlineError, UnknownEnterpriseError
from features.online import CURRENT, KIND, open_online, write_online
from features.pipeline import FeatureTable

AS_OF = date(2020, 2, 29)
NOW = datetime(2026, 11, 21, 12)
FEATURES = REGISTRY.select(
    ["sales_amount_sum_12m_cny", "buyer_count_12m", "monthly_sales_amount_sum_12m_cny"]
)


def table(usccs: list[str], *, shift: float = 0.0) -> FeatureTable:
    values = np.arange(len(usccs) * 3, dtype=np.float64).reshape(-1, 3) + shift
    columns = {
        "enterprise_key": pa.array(range(len(usccs)), pa.int32()),
        "uscc": pa.array(usccs),
        **{name: pa.array(values[:, place]) for place, name in enumerate(FEATURES.names)},
    }
    return FeatureTable(pa.table(columns), AS_OF, FEATURES)


def test_a_vector_is_found_whatever_the_order_of_the_table(tmp_path: Path) -> None:
    write_online(table(["C", "A", "B"]), tmp_path, lake_version=7, now=NOW)
    online = open_online(tmp_path, check=True)
    assert online.vector("C").tolist() == [0, 1, 2]
    assert online.vector("A").tolist() == [3, 4, 5]
    assert online.vector("B").tolist() == [6, 7, 8]
    assert isinstance(online.vectors.base, np.memmap) or isinstance(online.vectors, np.memmap)


@pytest.mark.parametrize("uscc", ["", "AA", "Z", "企业"])
def test_an_unknown_firm_is_said(tmp_path: Path, uscc: str) -> None:
    write_online(table(["A", "B"]), tmp_path, lake_version=7, now=NOW)
    with pytest.raises(UnknownEnterpriseError, match="have no enterprise"):
        open_online(tmp_path).vector(uscc)


def test_withheld_datasets_are_masked_and_the_build_is_not_touched(tmp_path: Path) -> None:
    online = write_online(table(["A"]), tmp_path, lake_version=7, now=NOW)
    masked = online.vector("A", withheld={"invoice_line"})
    assert np.isnan(masked).tolist() == [True, True, False]
    assert np.isnan(online.vector("A", withheld={"invoice_month"})).tolist() == [False, False, True]
    assert online.vector("A").tolist() == [0, 1, 2]


def test_it_is_fresh_for_one_date_one_lake_and_the_same_definitions(tmp_path: Path) -> None:
    online = write_online(table(["A"]), tmp_path, lake_version=7, now=NOW)
    assert online.is_fresh(FEATURES, AS_OF, 7)
    assert online.is_fresh(FEATURES.select(["buyer_count_12m"]), AS_OF, 7)
    assert not online.is_fresh(FEATURES, AS_OF, 8)
    assert not online.is_fresh(FEATURES, AS_OF + timedelta(days=1), 7)
    changed = replace(FEATURES["buyer_count_12m"], expression="{n} + 0")
    assert not online.is_fresh(type(FEATURES)((changed,)), AS_OF, 7)


def test_a_reader_keeps_its_build_while_newer_ones_come(tmp_path: Path) -> None:
    write_online(table(["A"]), tmp_path, lake_version=1, now=NOW)
    reader = open_online(tmp_path)
    for minute in range(1, 5):
        write_online(
            table(["A"], shift=100.0 * minute),
            tmp_path,
            lake_version=1 + minute,
            now=NOW + timedelta(minutes=minute),
        )
        assert reader.vector("A").tolist() == [0, 1, 2]
        assert open_online(tmp_path).vector("A")[0] == 100.0 * minute
    builds = [path for path in tmp_path.iterdir() if not path.is_symlink()]
    assert len(builds) == 2


def test_a_failed_refresh_leaves_the_old_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_online(table(["A"]), tmp_path, lake_version=1, now=NOW)

    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("features.online.np.save", no_space)
    with pytest.raises(OnlineError, match="No space left on device"):
        write_online(table(["A"]), tmp_path, lake_version=2, now=NOW + timedelta(minutes=1))
    assert open_online(tmp_path, check=True).manifest.lake_version == 1
    assert len([path for path in tmp_path.iterdir() if not path.is_symlink()]) == 1


def test_nothing_built_yet_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(OnlineError, match="Build them with `xinqiao features online`"):
        open_online(tmp_path)


def test_damage_is_said_and_never_read(tmp_path: Path) -> None:
    online = write_online(table(["A", "B"]), tmp_path, lake_version=1, now=NOW)
    vectors = online.folder / "vectors.npy"
    whole = vectors.read_bytes()
    vectors.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(OnlineError, match=r"are damaged \(vectors.npy\)"):
        open_online(tmp_path, check=True)
    vectors.write_bytes(whole[:-9])
    with pytest.raises(OnlineError, match="are damaged"):
        open_online(tmp_path)
    vectors.write_bytes(whole)
    (tmp_path / CURRENT / "manifest.json").write_text("{}")
    with pytest.raises(OnlineError, match=r"are damaged \(TypeError\)"):
        open_online(tmp_path)


def test_kinds_from_when_less_was_kept_are_not_read(tmp_path: Path) -> None:
    online = write_online(
        table(["A", "B"]), tmp_path, lake_version=1, now=NOW, kinds=np.zeros(2, dtype=KIND)
    )
    assert open_online(tmp_path).kinds is not None
    np.save(online.folder / "kinds.npy", np.zeros(2, dtype=KIND.descr[:2]))
    assert open_online(tmp_path).kinds is None
    np.save(online.folder / "kinds.npy", np.zeros(3, dtype=KIND))
    with pytest.raises(OnlineError, match=r"are damaged \(kinds.npy\)"):
        open_online(tmp_path)
