"""Whose records were repaired in a span of time: what a look of yesterday shows and one of today may not."""

from datetime import datetime

from features.contracts import Catalogue
from features.engine import connect
from features.lake import LakeView
from features.snapshot import REPAIRS


def repaired_between(
    lake: LakeView, catalogue: Catalogue, after: datetime, until: datetime
) -> set[int]:
    """Enterprise keys with a repair whose moment lies in (after, until].

    It may be a repair that hides nothing; none that hides something is missing.
    """
    looks = [
        f"SELECT enterprise_key FROM {lake.rows(dataset)} WHERE repaired_at > $after AND repaired_at <= $until"
        for dataset in catalogue
        if (dataset.document.negative or dataset.name == REPAIRS) and lake.files(dataset.name)
    ]
    if not looks:
        return set()
    with connect(threads=1) as connection:
        rows = connection.execute(
            f"SELECT DISTINCT enterprise_key FROM ({' UNION ALL '.join(looks)})",
            {"after": after, "until": until},
        ).fetchall()
    return {int(key) for (key,) in rows}
