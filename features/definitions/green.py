"""Carbon features 碳账户特征: grade, intensity against the industry, and its course.

The latest quarter of the last twelve months counts; an older account says nothing of today. Intensity
is tonnes of CO2e a ten thousand yuan of output, held here as whole millionths.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import change, level
from features.registry import RISKIER, Aggregate, Feature, Grain
from features.windows import Window, column_name

_ACCOUNT_HOLDS, _COMPARED = Window(12), Window(24)
_GRADES = ("deep_green", "light_green", "yellow", "red")


def _quarters(as_of_date: date) -> str:
    """Quarters of two years with `months_before`, 0 the latest, if it still holds."""
    steps = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(_GRADES, start=1))
    number = "(year(period_end) * 12 + month(period_end))"
    after, _ = _ACCOUNT_HOLDS.bounds(as_of_date)
    newest = "OVER (PARTITION BY enterprise_key)"
    return (
        f"SELECT enterprise_key, CASE grade {steps} END AS step, latest_number - {number} AS months_before, "
        "CAST(round(intensity * 1000000) AS BIGINT) AS intensity_m, "
        "CAST(round(industry_benchmark * 1000000) AS BIGINT) AS benchmark_m FROM ("
        f"SELECT *, max(period_end) {newest} AS latest_end, max({number}) {newest} AS latest_number "
        f"FROM visible_carbon_account WHERE {_COMPARED.covers('period_end', as_of_date)}) AS dated "
        f"WHERE latest_end > DATE '{after}'"
    )


_QUARTER = Grain("carbon_quarter", frozenset({"carbon_account"}), _quarters)


def _of(column: str, months_before: int = 0) -> Aggregate:
    return Aggregate(_QUARTER, f"max({column})", f"months_before = {months_before}")


FEATURES: tuple[Feature, ...] = (
    declare(
        column_name("carbon_grade", "level"), level("{step}", step=_of("step")), RISKIER, "R22",
        "碳账户等级（1深绿至4红）", "carbon grade, 1 deep green to 4 red",
    ),
    declare(
        column_name("carbon_intensity", "over_benchmark"),
        change(_of("intensity_m"), _of("benchmark_m")), RISKIER, "R22",
        "碳排放强度高于行业基准的比例", "carbon intensity beyond the benchmark of the industry",
    ),
    declare(
        column_name("carbon_intensity", "yoy"),
        change(_of("intensity_m"), _of("intensity_m", 12)), RISKIER, "R22",
        "碳排放强度同比", "carbon intensity of the latest quarter against a year earlier",
    ),
)  # fmt: skip
