"""Names of firms on the public register."""

from collections.abc import Collection, Mapping
from datetime import datetime

from features.contracts import REGISTER, Catalogue
from features.lake import LakeView
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot

_NAMES = """
SELECT e.uscc, any_value(b.name) FROM enterprise e JOIN visible_reg_basic b USING (enterprise_key)
WHERE e.uscc IN (SELECT unnest($usccs)) AND b.name IS NOT NULL GROUP BY e.uscc
"""


def registered_names(
    lake: LakeView, catalogue: Catalogue, usccs: Collection[str], now: datetime
) -> Mapping[str, str]:
    """The names of some firms; one without a name on the register is left out."""
    if not usccs:
        return {}
    scope = DataScope(frozenset({REGISTER}), Purpose.POSTLOAN, now.date())
    with open_snapshot(
        lake, catalogue, now.date(), scope, now=now, threads=1, datasets={REGISTER}
    ) as snapshot:
        rows = snapshot.connection.execute(_NAMES, {"usccs": sorted(usccs)}).fetchall()
    return {str(uscc): str(name) for uscc, name in rows}
