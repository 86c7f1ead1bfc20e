from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.errors import TableError
from training.table.alone import by_filling, by_rank, by_value
from training.table.columns import label_table
from training.table.protocol import Split, parse_protocol
from training.table.sentinel import Suspect, inspect, load_limits
from training.table.twins import find_twins

ROWS = 600


def noise(seed: int = 1, rows: int = ROWS) -> dict[str, list[Any]]:
    """Columns of every kind that know nothing of the outcome."""
    rng = np.random.default_rng(seed)
    days = rng.integers(0, 364, rows)
    table: dict[str, list[Any]] = {f"x{n}": rng.normal(size=rows).tolist() for n in range(12)}
    table["staff"] = rng.integers(1, 60, rows).tolist()
    table["city"] = [f"city {n}" for n in rng.integers(0, 80, rows)]
    table["size"] = [["small", "micro", "medium"][n] for n in rng.integers(0, 3, rows)]
    table["is_new"] = rng.integers(0, 2, rows).tolist()
    table["granted"] = [str(np.datetime64("2019-01-01") + n) for n in days]
    table["year"] = [2019] * (rows // 2) + [2020] * (rows - rows // 2)
    table["sparse"] = [
        None if u < 0.5 else v for u, v in rng.uniform(size=(rows, 2)).tolist()
    ]  # filled by chance
    table["bad"] = (rng.uniform(size=rows) < 0.3).tolist()
    return table


def suspects(
    table: dict[str, list[Any]], protocol: str = "kfold:5", time: str | None = None
) -> list[Suspect]:
    labelled = label_table(pa.table(table), target="bad")
    splits = parse_protocol(protocol).splits(labelled, seed=1)
    return inspect(labelled, splits, limits=load_limits(), time_column=time)


def kinds(found: Sequence[Suspect]) -> dict[str | None, str]:
    return {suspect.column: suspect.kind for suspect in found}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("protocol", ["kfold:5", "group:city:4", "time:year<=2019"])
def test_noise_is_not_suspected(seed: int, protocol: str) -> None:
    assert suspects(noise(seed), protocol) == []


def test_few_rows_of_noise_are_not_suspected() -> None:
    for seed in range(20):
        assert suspects(noise(seed, rows=40), "kfold:2") == []


def leaks(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """One leak a name."""
    rng = np.random.default_rng(9)
    bad = np.array(table["bad"])
    n = np.arange(len(bad))
    near = bad * 2.2 + rng.normal(size=len(bad))
    return {
        "ranks_alone": near.tolist(),
        "ranks_downwards": (-near).tolist(),
        "both_ends": (np.where(bad, rng.choice([-3, 3], len(bad)), 0) + near / 9).tolist(),
        "odd_terms": (rng.integers(0, 12, len(bad)) * 5 + (bad ^ (n % 20 == 7))).tolist(),
        "grade": [f"G{k}" for k in np.where(bad, n % 3, 2 + n % 19)],
        "state": np.where(bad, "charged off", "paid").tolist(),
        "charged_off_on": [f"2021-03-{k % 28 + 1:02}" if b else None for k, b in zip(n, bad, strict=True)],
        "collected": [float(k % 37) if b and k % 2 else None for k, b in zip(n, bad, strict=True)],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ranks_alone", "ranks_alone"),
        ("ranks_downwards", "ranks_alone"),
        ("both_ends", "ranks_alone"),
        ("odd_terms", "ranks_alone"),
        ("grade", "ranks_alone"),
        ("state", "copies_target"),
        ("charged_off_on", "missing_alone"),
        ("collected", "filled_for_one_outcome"),
    ],
)
@pytest.mark.parametrize("protocol", ["kfold:5", "time:year<=2019"])
def test_a_leaking_column_is_named_and_nothing_else(name: str, kind: str, protocol: str) -> None:
    table = noise()
    found = suspects({**table, name: leaks(table)[name]}, protocol)
    assert kinds(found) == {name: kind}
    assert f"'{name}'" in found[0].words.en
    assert f"“{name}”" in found[0].words.zh
    assert f"--drop {name}" in found[0].advice.zh


def test_a_strong_but_honest_column_is_left_alone() -> None:
    table = noise()
    bad = np.array(table["bad"])
    # Unit normals 1.2 apart have an AUC of Phi(1.2 / sqrt 2) = 0.80.
    table["debt"] = (1.2 * bad + np.random.default_rng(2).normal(size=ROWS)).tolist()
    assert suspects(table) == []


def test_identifiers_and_what_they_begin_with_are_named() -> None:
    table = noise()
    bad = np.array(table["bad"])
    branch = np.where(np.random.default_rng(3).uniform(size=ROWS) < 0.85, bad, ~bad)
    table["loan_no"] = [f"{'B' if b else 'A'}-{n * 7919 % 9973}" for n, b in enumerate(branch)]
    found = suspects(table)
    assert [suspect.kind for suspect in found] == ["id_prefix", "id_like"]
    assert found[0].figure == pytest.approx(0.85, abs=0.04)
    assert "first 1 characters" in found[0].words.en


def test_rows_numbered_by_outcome_are_named() -> None:
    table = noise()
    order = np.argsort(~np.array(table["bad"]), kind="stable")
    sorted_table = {name: [column[row] for row in order] for name, column in table.items()}
    sorted_table["no"] = list(range(1, ROWS + 1))
    del sorted_table["year"]
    assert [s.kind for s in suspects(sorted_table)] == ["id_number", "id_like"]


def test_firms_numbered_along_the_rows_are_named() -> None:
    table = {**noise(), "firm": [n // 6 for n in range(ROWS)]}
    assert kinds(suspects(table)) == {"firm": "runs_with_rows"}
    table["firm"] = table["firm"][::-1]
    assert suspects(table) == []


def test_a_firm_on_both_sides_is_named() -> None:
    firm = [f"F{n:04}" for n in range(ROWS)]
    firm[599] = firm[0]  # the first row is in 2019, the last in 2020
    found = suspects({**noise(), "firm": firm}, "time:year<=2019")
    assert [suspect.kind for suspect in found] == ["id_like", "entity_across_folds"]
    assert found[1].figure == 1


@pytest.mark.parametrize("protocol", ["kfold:5", "time:year<=2019"])
def test_rows_twice_are_counted_where_both_sides_have_them(protocol: str) -> None:
    table = noise()
    for name, column in table.items():
        column[300:310] = column[0:10] if name != "year" else [2020] * 10
    table["bad"][300:304] = [not bad for bad in table["bad"][0:4]]
    table["year"] = [0.5 if protocol == "kfold:5" else year for year in table["year"]]
    labelled = label_table(pa.table(table), target="bad", drop=["year"])
    every = np.arange(ROWS)
    split = Split("cut", every[:300], every[300:])
    twins = find_twins(labelled.frame, labelled.columns, labelled.is_positive, [split])
    assert (twins.rows, twins.differing, twins.pairs) == (10, 4, 10)
    found = inspect(labelled, [split], limits=load_limits())
    assert kinds(found) == {None: "twins_across_folds"}
    assert found[0].figure == 10


def test_coarse_columns_repeat_by_chance_and_are_not_suspected() -> None:
    rng = np.random.default_rng(4)
    table = {f"c{n}": [f"L{k}" for k in rng.integers(0, 4, ROWS)] for n in range(5)}
    table["bad"] = noise()["bad"]
    # 4^5 = 1,024 kinds of rows and 600 * 599 / 2 pairs: about 175 equal pairs by chance.
    labelled = label_table(pa.table(table), target="bad")
    splits = parse_protocol("kfold:5").splits(labelled, seed=1)
    twins = find_twins(labelled.frame, labelled.columns, labelled.is_positive, splits)
    assert twins.by_chance == pytest.approx(175, rel=0.1)
    assert twins.pairs == pytest.approx(twins.by_chance, rel=0.3)
    assert inspect(labelled, splits, limits=load_limits()) == []


@pytest.mark.parametrize("time", ["decided", "year"])
def test_dates_later_than_the_decision_are_named(time: str) -> None:
    table = noise()
    table["decided"] = ["2019-12-31"] * (ROWS // 2) + ["2020-12-31"] * (ROWS // 2)
    assert suspects(table, time=time) == []
    table["granted"] = [*table["granted"][:-12], *["2021-01-01"] * 12]
    found = suspects(table, time=time)
    assert kinds(found) == {"granted": "date_later"}
    assert found[0].figure == pytest.approx(12 / 600)
    table["granted"] = [*table["granted"][:-12], *["2020-12-31"] * 6, *["2021-01-01"] * 6]
    assert suspects(table, time=time) == []  # 6 of 600 is one in a hundred, not more


def test_a_time_column_must_be_there() -> None:
    with pytest.raises(TableError, match=r"no column 'yaer'\. Did you mean 'year'"):
        suspects(noise(), time="yaer")


def test_a_long_table_is_thinned_and_still_caught() -> None:
    table = noise()
    table["leak"] = leaks(table)["ranks_alone"]
    labelled = label_table(pa.table(table), target="bad")
    splits = parse_protocol("kfold:5").splits(labelled, seed=1)
    limits = load_limits()
    short = limits.model_copy(
        update={"rows_to": limits.rows_to.model_copy(update={"value": 250.0})}
    )
    assert kinds(inspect(labelled, splits, limits=short)) == {"leak": "ranks_alone"}


def test_evidence_counts_standard_errors() -> None:
    outcome = np.array([False] * 8 + [True] * 2)
    # Both positives on top: AUC 1; without ties its variance is 11 / (12 * 16).
    alone = by_rank(np.arange(10.0), outcome)
    assert alone == pytest.approx((1.0, 0.5 / np.sqrt(11 / 192)))
    assert by_rank(-np.arange(10.0), outcome) == pytest.approx(alone)
    # Filled in both positives and 2 of 8 others: gap 0.75, overall 0.4.
    filled = np.array([True] * 2 + [False] * 6 + [True] * 2)
    spread = np.sqrt(0.4 * 0.6 * (1 / 2 + 1 / 8))
    assert by_filling(filled, outcome) == pytest.approx((0.875, 0.75 / spread))


def test_missing_is_a_level_of_its_own() -> None:
    outcome = np.arange(100) % 2 == 0
    values = np.where(outcome, np.nan, np.arange(100.0))
    half = Split("half", np.arange(50), np.arange(50, 100))
    assert by_value(values, outcome, [half], bins=4, rows=10).auc == 1


def test_every_kind_has_sentences_with_places_that_exist() -> None:
    limits = load_limits()
    for kind in limits.kinds:
        said = limits.suspect(kind, "col", 0.5, "detail")
        assert "{" not in said.words.en + said.words.zh + said.advice.en + said.advice.zh
