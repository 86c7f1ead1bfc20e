"""The relations facts of the register stand on: endings, changes in texts, holders then and now."""

from datetime import date

from features.definitions.expressions import share_ppm
from features.definitions.public_list import is_open, lasts
from features.definitions.registration_grains import last_judged_year
from features.facts.shapes import news
from features.registry import Grain
from features.windows import Window, months_before

ENDING = news("ending_new", "reg_status_event", "decided_on", columns=("event",))

#: A business may stay suspended for three years (登记管理条例, article 30).
_SUSPENSION_LASTS = Window(36)


def _suspensions(as_of_date: date) -> str:
    """Suspensions that still run."""
    return (
        "SELECT enterprise_key FROM visible_reg_status_event WHERE event = 'suspend' "
        f"AND {_SUSPENSION_LASTS.covers('decided_on', as_of_date)} AND {lasts('until', as_of_date)}"
    )


SUSPENSION = Grain("suspension", frozenset({"reg_status_event"}), _suspensions)

#: The number a text of capital states, and what is left of the text without it (its unit).
_NUMBER = "TRY_CAST(regexp_extract(replace({0}, ',', ''), '[0-9]+(\\.[0-9]+)?') AS DOUBLE)"
_REST = "regexp_replace({0}, '[0-9.,\\s]', '', 'g')"
#: The first thing a business scope lists, without what kind of item it is.
_MAIN = "trim(split_part(regexp_replace(regexp_replace({0}, '^[^:：]*[:：]', ''), '[;；,，。]', '、', 'g'), '、', 1))"
#: The county or district an address names.
_COUNTY = "nullif(regexp_extract({0}, '[^省市州盟]+?[县区旗]'), '')"


def _both(pattern: str) -> tuple[str, str]:
    return pattern.format('"before"'), pattern.format('"after"')


def _reduced() -> str:
    """By which part capital fell; NULL where the texts state no numbers in one unit."""
    (was, now), (unit_was, unit_now) = _both(_NUMBER), _both(_REST)
    return f"CASE WHEN {was} > 0 AND {now} <= {was} AND {unit_was} = {unit_now} THEN ({was} - {now}) / {was} END"


def _main_removed() -> str:
    main, _ = _both(_MAIN)
    return f"CASE WHEN {main} <> '' THEN NOT contains(\"after\", {main}) END"


def _other_region() -> str:
    was, now = _both(_COUNTY)
    return f"{was} <> {now}"


NEW_CHANGE = news(
    "change_new", "reg_change", "changed_on",
    columns=(
        "change_item",
        f"{_reduced()} AS reduced",
        f"{_main_removed()} AS is_main_removed",
        f"{_other_region()} AS is_other_region",
    ),
)  # fmt: skip


def _holders(as_of_date: date) -> str:
    """Holders now and six months ago, with the share each had."""
    who = "coalesce(holder_uscc, holder_id_no_token, record_id)"
    ppm = share_ppm("share_ratio")
    held = [
        f"sum(CASE WHEN {is_open('from_date', 'to_date', day)} THEN {ppm} ELSE 0 END) AS {name}"
        for name, day in (("now_ppm", as_of_date), ("then_ppm", months_before(as_of_date, 6)))
    ]
    tops = [
        f"{name}_ppm > 0 AND {name}_ppm = max({name}_ppm) OVER (PARTITION BY enterprise_key) AS is_top_{name}"
        for name in ("now", "then")
    ]
    return (
        f"SELECT *, {', '.join(tops)} FROM (SELECT enterprise_key, {', '.join(held)} "
        f"FROM visible_reg_shareholder GROUP BY enterprise_key, {who}) AS held"
    )


HOLDER_THEN = Grain("holder_then", frozenset({"reg_shareholder"}), _holders)


def _reports(as_of_date: date) -> str:
    """Annual reports filed by now, whenever; a firm's first report opens its record."""
    year = last_judged_year(as_of_date)
    return (
        f"SELECT enterprise_key, report_year = {year} AS is_due_year FROM visible_reg_annual_report "
        f"WHERE report_year <= {year} AND filed_on <= DATE '{as_of_date}'"
    )


REPORT_DUE = Grain("annual_report_due", frozenset({"reg_annual_report"}), _reports)

_FAR = "DATE '9999-12-31'"


def _licence_ends(as_of_date: date) -> str:
    """Licences that ended within a year and that no later one of the same kind follows."""
    what = "coalesce(cert_name, license_kind, doc_name, '')"
    last = (
        f"SELECT enterprise_key, max(coalesce(valid_to, {_FAR})) AS ended_on FROM visible_admin_license "
        f"WHERE decided_on <= DATE '{as_of_date}' AND (status IS NULL OR status IN ('valid', 'expired')) "
        f"GROUP BY enterprise_key, {what}"
    )
    return (
        f"SELECT enterprise_key, date_diff('day', ended_on, DATE '{as_of_date}') AS lapsed_days "
        f"FROM ({last}) AS last WHERE {Window(12).covers('ended_on', as_of_date)}"
    )


LICENCE_END = Grain("licence_end", frozenset({"admin_license"}), _licence_ends)


def _areas(as_of_date: date) -> str:
    """Credit areas whose grade ended within six months and was not granted again."""
    last = (
        f"SELECT enterprise_key, max(coalesce(valid_to, {_FAR})) AS ended_on FROM visible_credit_area "
        f"WHERE granted_on <= DATE '{as_of_date}' GROUP BY enterprise_key, area_code"
    )
    return (
        f"SELECT enterprise_key FROM ({last}) AS last "
        f"WHERE ended_on < DATE '{as_of_date}' AND {Window(6).covers('ended_on', as_of_date)}"
    )


AREA = Grain("credit_area_ended", frozenset({"credit_area"}), _areas)
