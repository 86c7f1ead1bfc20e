"""What kind of firm a row is about, so that a model can be judged kind by kind; never model input.

Everything is read through the snapshot of the row's own month end. A firm's size rests on its latest
annual report; figures it does not publish are seen under its consent only, and whether that is
still live is asked again on the day of training. So a size has two readings, with and without them.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.online import KIND
from features.register_attributes import ATTRIBUTE_DATASETS, Attributes, StrArray, read_attributes
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


def add_segments(
    table: pa.Table, snapshot: Snapshot, attributes: Attributes | None = None
) -> pa.Table:
    """Features with one text column a segment behind them; empty where unknown.

    Parameters
    ----------
    table : pyarrow.Table
        One row a firm of the snapshot, in key order.
    attributes : Attributes, optional
        Of the same snapshot, where they have been read.
    """
    read = attributes or read_attributes(snapshot)
    found = {
        "size_class": read.size_class,
        PUBLIC_SIZE: read.size_class_public,
        "region": read.region,
        "industry_section": read.industry_section,
        "entity_type": read.entity_type,
    }
    columns = {name: _text(values) for name, values in found.items()}
    columns["first_loan"] = snapshot.connection.sql(_FIRST_LOAN).to_arrow_table()["first_loan"]
    for name, column in columns.items():
        table = table.append_column(_PREFIX + name, column)
    return table


def segment_of(table: pa.Table, name: str) -> list[str]:
    """One segment of every row of a table from `add_segments`."""
    return table[_PREFIX + name].to_pylist()


def kinds_of(snapshot: Snapshot, usccs: Sequence[str]) -> npt.NDArray[np.void]:
    """Attributes of firms in the order asked, as `features.online.KIND`; blank where not in the snapshot.

    The same classes as `add_segments`.
    """
    read = read_attributes(snapshot)
    found = np.zeros(len(read.usccs) + 1, dtype=KIND)
    for name in KIND.names or ():
        found[name][:-1] = getattr(read, name)
        if KIND[name].kind == "f":
            found[name][-1] = np.nan
    place = {uscc: row for row, uscc in enumerate(read.usccs)}
    return found[[place.get(uscc, -1) for uscc in usccs]]


def _text(values: StrArray) -> pa.Array:
    """A column of texts; `pa.array` would load pandas, which takes a second."""
    texts: list[bytes] = np.char.encode(values, "utf-8").tolist()
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    return pa.StringArray.from_buffers(
        len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts))
    )


#: A loan granted by then is the firm's first if the firm has no other, and so is one granted soon after.
_FIRST_LOAN = """
    WITH l AS (SELECT enterprise_key, count(*) AS loans FROM visible_loan_account GROUP BY enterprise_key)
    SELECT CASE WHEN coalesce(l.loans, 0) <= 1 THEN 'yes' ELSE 'no' END AS first_loan
    FROM enterprise e LEFT JOIN l USING (enterprise_key) ORDER BY e.enterprise_key"""
