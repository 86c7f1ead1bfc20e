"""The relations compliance features stand on: penalties, coercion, lists, checks and colour grades."""

from datetime import date

from features.definitions.expressions import whole_months_since
from features.definitions.public_list import entries
from features.registry import Grain
from features.windows import Window

#: Nothing older than this is looked for, except how long ago the last penalty was.
LOOK_BACK = Window(36)
#: Months since a penalty end here; a firm without any stands here too [months].
LONG_SINCE = 60


def _penalties(as_of_date: date) -> str:
    """Penalties that weigh: minor ones do not, and one of unknown severity is general."""
    months_ago = whole_months_since("decided_on", as_of_date)
    return (
        "SELECT enterprise_key, decided_on, severity = 'serious' AS is_serious, domain, "
        "coalesce(fine_amount_fen, 0) + coalesce(confiscated_amount_fen, 0) AS amount_fen, "
        f"{months_ago} AS months_ago "
        f"FROM visible_admin_penalty WHERE decided_on <= DATE '{as_of_date}' "
        "AND (severity IS NULL OR severity <> 'minor')"
    )


PENALTY = Grain("admin_penalty", frozenset({"admin_penalty"}), _penalties, event_date="decided_on")
COERCION = entries("coercion", "admin_coercion", "executed_on")
ABNORMAL = entries("abnormal_entry", "abnormal_list", "listed_on", "removed_on")
SERIOUS = entries("serious_entry", "serious_dishonest_list", "listed_on", "removed_on")
CHECK = entries("spot_checked", "spot_check", "checked_on", columns=("result",))


def _environment(as_of_date: date) -> str:
    """The colour of the latest year evaluated; steps 1 green to 5 black."""
    steps = (
        "CASE grade WHEN 'green' THEN 1 WHEN 'blue' THEN 2 WHEN 'yellow' THEN 3 "
        "WHEN 'red' THEN 4 WHEN 'black' THEN 5 END"
    )
    return (
        f"SELECT enterprise_key, {steps} AS step, "
        "rank() OVER (PARTITION BY enterprise_key ORDER BY eval_year DESC) AS place "
        f"FROM visible_env_credit WHERE {LOOK_BACK.covers('published_on', as_of_date)}"
    )


ENVIRONMENT = Grain("environment_grade", frozenset({"env_credit"}), _environment)


def _customs(as_of_date: date) -> str:
    """The customs grade in effect; steps 1 advanced certified to 5 seriously dishonest."""
    steps = (
        "CASE grade WHEN 'AEO_advanced' THEN 1 WHEN 'certified' THEN 2 WHEN 'regular' THEN 3 "
        "WHEN 'dishonest' THEN 4 WHEN 'serious_dishonest' THEN 5 END"
    )
    return (
        f"SELECT enterprise_key, {steps} AS step, "
        "rank() OVER (PARTITION BY enterprise_key ORDER BY effective_on DESC) AS place "
        f"FROM visible_customs_credit WHERE effective_on <= DATE '{as_of_date}'"
    )


CUSTOMS = Grain("customs_grade", frozenset({"customs_credit"}), _customs)
