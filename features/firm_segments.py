"""What kind of firm a row is about, so that a model can be judged kind by kind; never model input.

Everything is read through the snapshot of the row's own month end. A firm's size rests on its latest
annual report; figures it does not publish are seen under its consent only, and whether that is
still live is asked again on the day of training. So a size has two readings, with and without them.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.codes.industries import industry_table_sql
from features.codes.sizes import size_class_sql
from features.online import KIND
from features.register_attributes import ATTRIBUTE_DATASETS, latest_report, read_attributes
from features.snapshot import Snapshot

#: Beyond what the features read, a look for segments opens these.
SEGMENT_DATASETS = ATTRIBUTE_DATASETS | {"loan_account"}
#: Of these, what `kinds_of` reads.
KIND_DATASETS = ATTRIBUTE_DATASETS
#: Size from public figures alone, beside `size_class`.
PUBLIC_SIZE = "size_class_public"
#: Figures that need a consent.
HIDDEN_FIGURES = "annual_figures"
_PREFIX = "segment_"


def add_segments(table: pa.Table, snapshot: Snapshot) -> pa.Table:
    """Features with one text column a segment behind them; empty where unknown.

    Parameters
    ----------
    table : pyarrow.Table
        One row a firm of the snapshot, in key order.
    """
    found = snapshot.connection.sql(_SQL).to_arrow_table()
    for name in found.column_names:
        table = table.append_column(_PREFIX + name, found[name])
    return table


def segment_of(table: pa.Table, name: str) -> list[str]:
    """One segment of every row of a table from `add_segments`."""
    return table[_PREFIX + name].to_pylist()


def kinds_of(snapshot: Snapshot, usccs: Sequence[str]) -> npt.NDArray[np.void]:
    """Attributes of firms in the order asked, as `features.online.KIND`; blank where not in the snapshot.

    The same classes as `add_segments`, worked out in arrays: for one firm the engine takes longer to plan
    the standard as SQL than to read everything else.
    """
    read = read_attributes(snapshot)
    found = np.zeros(len(read.usccs) + 1, dtype=KIND)
    for name in KIND.names or ():
        found[name][:-1] = getattr(read, name)
        if KIND[name].kind == "f":
            found[name][-1] = np.nan
    place = {uscc: row for row, uscc in enumerate(read.usccs)}
    return found[[place.get(uscc, -1) for uscc in usccs]]


def _size(revenue: str, assets: str) -> str:
    sized = size_class_sql("r.industry_code", "p.employees", revenue, assets)
    return (
        f"CASE {sized} WHEN 1 THEN 'large' WHEN 2 THEN 'medium' WHEN 3 THEN 'small' "
        "WHEN 4 THEN 'micro' ELSE '' END"
    )


#: A loan granted by then is the firm's first if the firm has no other, and so is one granted soon after.
_SQL = f"""
    WITH r AS (SELECT enterprise_key, max(industry_code) AS industry_code,
        max(region_code) AS region_code, max(entity_type) AS entity_type
        FROM visible_reg_basic GROUP BY enterprise_key),
    p AS ({latest_report("reg_annual_report", "employees, revenue_fen, assets_fen")}),
    h AS ({latest_report("annual_figures", "revenue_fen, assets_fen")}),
    l AS (SELECT enterprise_key, count(*) AS loans FROM visible_loan_account GROUP BY enterprise_key)
    SELECT {_size("coalesce(p.revenue_fen, h.revenue_fen)", "coalesce(p.assets_fen, h.assets_fen)")}
            AS size_class,
        {_size("p.revenue_fen", "p.assets_fen")} AS {PUBLIC_SIZE},
        coalesce(r.region_code, '') AS region,
        coalesce(industry.section, '') AS industry_section,
        coalesce(r.entity_type, '') AS entity_type,
        CASE WHEN coalesce(l.loans, 0) <= 1 THEN 'yes' ELSE 'no' END AS first_loan
    FROM enterprise e LEFT JOIN r USING (enterprise_key) LEFT JOIN p USING (enterprise_key)
    LEFT JOIN h USING (enterprise_key) LEFT JOIN l USING (enterprise_key)
    LEFT JOIN {industry_table_sql()}
        ON industry.division = left(ltrim(r.industry_code, 'ABCDEFGHIJKLMNOPQRST'), 2)
    ORDER BY e.enterprise_key"""
