"""Facts of farms, households and real estate, all shared under consent: without a record nothing is said.

What these records cannot say: whether insured animals wear ear tags or what they are worth one by one, and
what a building would sell for.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import Value, count, flag, whole_months_since, yuan
from features.definitions.public_list import is_open, lasts
from features.facts.shapes import NO_DIRECTION
from features.registry import Aggregate, Feature, Grain
from features.windows import column_name

_FARMS, _COVERS, _HOUSEHOLDS, _AREAS = (
    "agri_entity",
    "agri_insurance",
    "rural_household",
    "credit_area",
)
_TITLES, _MORTGAGES, _SEIZURES = "realestate_registry", "realestate_mortgage", "realestate_seizure"
#: Digits of the code of a village.
_VILLAGE_DIGITS = 12


def _farms(as_of_date: date) -> str:
    months = whole_months_since("registered_on", as_of_date)
    return (
        f"SELECT enterprise_key, kind, CASE WHEN registered_on <= DATE '{as_of_date}' THEN {months} END AS age_months "
        f"FROM visible_{_FARMS} WHERE registered_on IS NULL OR registered_on <= DATE '{as_of_date}'"
    )


def _covers(as_of_date: date) -> str:
    """Covers that run."""
    day = f"DATE '{as_of_date}'"
    return (
        f"SELECT enterprise_key, sum_insured_fen FROM visible_{_COVERS} WHERE from_date <= {day} "
        f"AND {lasts('to_date', as_of_date)} AND coalesce(insured, true)"
    )


def _villages(as_of_date: date) -> str:
    """Households on file, and whether the village of each holds a live grade."""
    village = f"left(area_code, {_VILLAGE_DIGITS})"
    graded = (
        f"SELECT DISTINCT {village} AS code FROM everyone_{_AREAS} WHERE kind = 'village' "
        f"AND granted_on <= DATE '{as_of_date}' AND {lasts('valid_to', as_of_date)}"
    )
    return (
        "SELECT h.enterprise_key, g.code IS NOT NULL AS is_graded "
        f"FROM visible_{_HOUSEHOLDS} AS h LEFT JOIN ({graded}) AS g ON g.code = h.village_code "
        f"WHERE h.rated_on <= DATE '{as_of_date}'"
    )


def _titles(as_of_date: date) -> str:
    """Titles with `is_free` where nothing lies on the unit; of one without a unit number nobody can tell."""
    mortgaged = (
        f"SELECT enterprise_key, unit_no FROM visible_{_MORTGAGES} "
        f"WHERE {is_open('registered_on', 'cancelled_on', as_of_date)}"
    )
    seized = (
        f"SELECT enterprise_key, unit_no FROM visible_{_SEIZURES} "
        f"WHERE {is_open('seized_on', 'released_on', as_of_date)}"
    )
    burdened = f"SELECT DISTINCT enterprise_key, unit_no FROM ({mortgaged} UNION ALL {seized}) AS burdens WHERE unit_no IS NOT NULL"
    return (
        "SELECT t.enterprise_key, CASE WHEN t.unit_no IS NOT NULL THEN b.unit_no IS NULL END AS is_free "
        f"FROM visible_{_TITLES} AS t LEFT JOIN ({burdened}) AS b "
        "ON b.enterprise_key = t.enterprise_key AND b.unit_no = t.unit_no "
        f"WHERE t.registered_on <= DATE '{as_of_date}'"
    )


_FARM = Grain("farm_on_file", frozenset({_FARMS}), _farms)
_COVER = Grain("farm_cover_running", frozenset({_COVERS}), _covers)
_HOUSEHOLD = Grain(
    "household_on_file",
    frozenset({_HOUSEHOLDS}),
    lambda day: f"SELECT enterprise_key FROM visible_{_HOUSEHOLDS} WHERE rated_on <= DATE '{day}'",
)
_VILLAGE = Grain("household_village", frozenset({_HOUSEHOLDS, _AREAS}), _villages)
_TITLE = Grain("real_estate_title", frozenset({_TITLES, _MORTGAGES, _SEIZURES}), _titles)


def _kind(kind: str, zh: str, en: str) -> Feature:
    of_kind = Aggregate(_FARM, f"sum(CASE WHEN kind = '{kind}' THEN 1 ELSE 0 END)")
    return declare(
        column_name(f"farm_{kind}", "now"), flag(of_kind), NO_DIRECTION, "R25", f"登记为{zh}", f"on file as {en}"
    )  # fmt: skip


FACTS: tuple[Feature, ...] = (
    declare(
        column_name("farm_business", "now"), flag(Aggregate(_FARM, "count(*)")),
        NO_DIRECTION, "R25", "登记为新型农业经营主体", "on file as a farm business",
    ),
    _kind("family_farm", "家庭农场", "a family farm"),
    _kind("leading_firm", "农业龙头企业", "a leading farm enterprise"),
    _kind("coop", "农民专业合作社", "a farmers' cooperative"),
    _kind("large_grower", "农业大户", "a large grower"),
    declare(
        column_name("farm_business_age", "months"),
        Value("months", "{months}", {"months": Aggregate(_FARM, "max(age_months)")}),
        NO_DIRECTION, "R25", "登记为农业经营主体的月数", "whole months on file as a farm business",
    ),
    declare(
        column_name("farm_cover", "sum", unit="cny"), yuan(Aggregate(_COVER, "sum(sum_insured_fen)")),
        NO_DIRECTION, "R25", "在保涉农保险金额", "sum insured by farm covers that run",
    ),
    declare(
        column_name("household_on_file", "now"), flag(Aggregate(_HOUSEHOLD, "count(*)")),
        NO_DIRECTION, "R25", "已建档农牧户", "a rural household on file",
    ),
    declare(
        column_name("village_credit", "now"),
        flag(Aggregate(_VILLAGE, "sum(CASE WHEN is_graded THEN 1 ELSE 0 END)")),
        NO_DIRECTION, "R25", "所在村为有效期内的信用村", "lives in a village whose credit grade runs",
    ),
    declare(
        column_name("real_estate_titles", "count"), count(Aggregate(_TITLE, "count(*)")),
        NO_DIRECTION, "R02", "登记的不动产数", "real estate titles on record",
    ),
    declare(
        column_name("real_estate_free", "count"),
        count(Aggregate(_TITLE, "sum(CASE WHEN is_free THEN 1 WHEN NOT is_free THEN 0 END)")),
        NO_DIRECTION, "R02", "无抵押、无查封的不动产数", "real estate titles without mortgage or seizure",
    ),
)  # fmt: skip
