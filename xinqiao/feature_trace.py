"""How `xinqiao features trace` tells a value's source records."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from features.lineage import Origin
from features.tracing import Reach, Trace
from xinqiao.console import say, show
from xinqiao.lake import SHOWN, print_origin

#: Origins of the traced rows by dataset.
Origins = Mapping[str, Sequence[Origin]]

_REACHES: Mapping[Reach, tuple[str, str]] = {
    "counted": ("计入该值的全部记录", "every record that counts"),
    "read": ("计算时相互比较的全部记录", "every record that was compared to find the value"),
    "present": (
        "没有计入的记录，最近一条表明有数据",
        "none counts; the latest shows there are records",
    ),
}


def trace_document(told: Trace, origins: Origins) -> dict[str, object]:
    """The trace for a machine."""
    feature = told.feature
    return {
        "feature": feature.name,
        "definition_hash": feature.definition_hash,
        "as_of": told.as_of_date.isoformat(),
        "value": told.value,
        "unit": feature.unit,
        "words": {"zh": feature.words.zh, "en": feature.words.en},
        "sources": [
            {
                "dataset": source.dataset,
                "reach": source.reach if source.row_ids else "none",
                "records": [asdict(origin) for origin in origins[source.dataset]],
            }
            for source in told.sources
        ],
        "neighbours": list(told.neighbours),
    }


def print_trace(told: Trace, origins: Origins) -> None:
    """The trace for a person: the value, then each dataset with its first records."""
    feature = told.feature
    value = "—" if told.value is None else f"{told.value:.10g}"
    day = told.as_of_date
    show(
        f"{feature.words.zh}：{value}（{feature.unit}，截至 {day}）",
        f"{feature.words.en}: {value} ({feature.unit}, as of {day})",
    )
    for source in told.sources:
        rows = origins[source.dataset]
        if not rows:
            show(f"{source.dataset}：没有记录", f"{source.dataset}: no records")
            continue
        reach = say(*_REACHES[source.reach])
        show(
            f"{source.dataset}：{len(rows):,} 条，{reach}",
            f"{source.dataset}: {len(rows):,} records, {reach}",
        )
        for origin in rows[:SHOWN]:
            print_origin(origin)
        if len(rows) > SHOWN:
            show(
                f"……仅显示前 {SHOWN} 条；--json 输出全部。",
                f"… the first {SHOWN} shown; --json gives every one.",
            )
    for dataset in told.neighbours:
        show(
            f"{dataset}：另读取其他企业的公开记录，不在此列出",
            f"{dataset}: other firms' public records were read too and are not listed",
        )
