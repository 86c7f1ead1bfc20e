"""Farm features 涉农特征: land worked, insurance, subsidies, and a household's grade.

All of them are shared under consent, so without rows nothing is said. Land is what the plots list,
`mu/right number` each; a scale in free words is not read. A village's grade is missing on purpose: it
stands under the code of the village committee, and a look at one firm opens that firm's rows only.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import Value, flag, level, yuan
from features.registry import RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import Window, column_name

#: A grade of `none` is no grade: the household was not rated.
_GRADES = ("AAA", "AA", "A", "B")


def _plots(as_of_date: date) -> str:
    """Plots that say their size, in whole hundredths of a mu."""
    entries = (
        "SELECT enterprise_key, unnest(plots) AS entry FROM visible_agri_entity "
        f"WHERE registered_on IS NULL OR registered_on <= DATE '{as_of_date}'"
    )
    return (
        "SELECT enterprise_key, CAST(round(TRY_CAST(split_part(entry, '/', 1) AS DOUBLE) * 100) AS BIGINT) AS mu_c "
        f"FROM ({entries}) AS listed"
    )


def _policies(as_of_date: date) -> str:
    """Policies that had begun, and whether they cover the day."""
    day = f"DATE '{as_of_date}'"
    return (
        "SELECT enterprise_key, coalesce(insured, true) AND (to_date IS NULL OR to_date >= "
        f"{day}) AS covers_day FROM visible_agri_insurance WHERE from_date <= {day}"
    )


def _subsidies(as_of_date: date) -> str:
    return f"SELECT enterprise_key, amount_fen, stat_date FROM visible_agri_subsidy WHERE stat_date <= DATE '{as_of_date}'"


def _households(as_of_date: date) -> str:
    """The latest rating; the worst of the members if several fall on one day."""
    steps = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(_GRADES, start=1))
    return (
        f"SELECT enterprise_key, CASE grade {steps} END AS step FROM (SELECT *, "
        "max(rated_on) OVER (PARTITION BY enterprise_key) AS latest_on FROM visible_rural_household "
        f"WHERE rated_on <= DATE '{as_of_date}') AS rated WHERE rated_on = latest_on"
    )


_PLOT = Grain("farm_plot", frozenset({"agri_entity"}), _plots)
_POLICY = Grain("farm_policy", frozenset({"agri_insurance"}), _policies)
_SUBSIDY = Grain("farm_subsidy", frozenset({"agri_subsidy"}), _subsidies, event_date="stat_date")
_HOUSEHOLD = Grain("household_rating", frozenset({"rural_household"}), _households)

FEATURES: tuple[Feature, ...] = (
    declare(
        column_name("farm_land", "sum", unit="mu"),
        Value("mu", "{mu_c} / 100", {"mu_c": Aggregate(_PLOT, "sum(mu_c)")}), SAFER, "R25",
        "经营土地面积", "land worked, as the plots list it",
    ),
    declare(
        column_name("farm_insured", "flag"),
        flag(Aggregate(_POLICY, "sum(CASE WHEN covers_day THEN 1 ELSE 0 END)")), SAFER, "R25",
        "当前有农业保险保障", "a farm insurance policy is in force",
    ),
    declare(
        column_name("farm_subsidies", "sum", "24m", "cny"),
        yuan(Aggregate(_SUBSIDY, "sum(amount_fen)", window=Window(24), empty="0")), SAFER, "R25",
        "近24个月涉农补贴", "farm subsidies of 24 months",
    ),
    declare(
        column_name("household_grade", "level"),
        level("{step}", step=Aggregate(_HOUSEHOLD, "max(step)")), RISKIER, "R25",
        "农户信用等级（1为AAA）", "grade of the rural household, 1 is AAA",
    ),
)  # fmt: skip
