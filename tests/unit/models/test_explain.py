from features.contracts import Words
from models.explain import explain
from models.reasons import load_reasons

REASONS = load_reasons()
POINTS = {
    "R07": -9, "R08": 12, "R09": 3, "R27": -20, "R28": -9, "R29": 0, "R30": -1, "R31": -2, "R32": 5,
}  # fmt: skip


def test_four_a_side_and_the_rest_in_one_row() -> None:
    found = explain(REASONS, POINTS, {})
    assert [(row.code, row.points) for row in found.negative] == [
        ("R27", -20),
        ("R07", -9),  # a tie goes to the earlier code
        ("R28", -9),
        ("R31", -2),
    ]
    assert [row.code for row in found.positive] == ["R08", "R32", "R09"]
    assert (found.other_points, found.other_groups) == (-1, 2)  # R30 and R29 with 0
    printed = sum(row.points for row in (*found.negative, *found.positive))
    assert printed + found.other_points == sum(POINTS.values())
    assert [code for code, _ in found.advice] == ["R27", "R07", "R28", "R31"]


def test_without_a_true_sentence_only_the_comparison_is_said() -> None:
    found = explain(REASONS, POINTS, {"sales_amount_yoy_12m": float("nan")})
    assert [row.facts for row in found.negative] == [
        (Words(zh="低于参考企业", en="worse than the reference firms"),)
    ] * 4
    assert found.positive[0].facts[0].zh == "优于参考企业"


def test_facts_come_from_the_side_of_the_points() -> None:
    growing = {"sales_amount_yoy_12m": 0.45, "sales_amount_yoy_3m": -0.2}
    hurt = explain(REASONS, {"R27": -5}, growing)
    helped = explain(REASONS, {"R27": 5}, growing)
    assert [words.zh for words in hurt.negative[0].facts] == ["近3个月销售额较上年同期下降10–30 %"]
    assert [words.zh for words in helped.positive[0].facts] == [
        "近12个月销售额较上年同期增长30–50 %"
    ]


def test_no_more_than_two_facts_a_group() -> None:
    falling = dict.fromkeys(
        ["sales_amount_yoy_12m", "sales_amount_yoy_3m", "sales_amount_change_6m"], -0.6
    )
    assert len(explain(REASONS, {"R27": -5}, falling).negative[0].facts) == 2


def test_withheld_groups_are_listed_and_not_counted_among_the_others() -> None:
    found = explain(REASONS, {"R07": -3, "R08": 0, "R09": 0}, {}, withheld={"R09", "R08"})
    assert [code for code, _ in found.withheld] == ["R08", "R09"]
    assert (found.other_points, found.other_groups) == (0, 0)
