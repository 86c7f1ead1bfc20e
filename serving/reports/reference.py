"""The reference page of the report: every section, what it shows of which dataset, and to whom."""

from features.contracts import Catalogue
from features.markdown import GENERATED, codes, table
from serving.reports.bands import Band
from serving.reports.sections import Layout, Part, Section

_TO = {
    "all": "everybody 均可见",
    "raw": "the firm; institutions with `raw`; to others figures 企业本人或含原始明细的授权，其余为区间",
    "owner": "the firm alone 仅企业本人",
}


def sections_page(layout: Layout) -> str:
    """Markdown: one heading a section, then the bands."""
    document = layout.document
    parts = [
        f"# Report sections 报告章节\n\n{GENERATED}\n\nLayout `{document.version}`, in force since {document.in_force}; "
        f"a report is valid for {document.validity_days} days. How to read one: [how to](../how-to/read-a-report.md).",
        *(_section(section, layout.catalogue) for section in layout.sections),
        "## Bands 区间\n\n" + table(("band", "unit", "edges or words"), _bands(document.bands)),
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section, catalogue: Catalogue) -> str:
    head = f"## {section.number} {section.title.en} {section.title.zh}\n\nCode `{section.code}`."
    if not section.parts:
        return head
    rows = [_part(part, catalogue) for part in section.parts]
    names = ("dataset", "class", "rows are for", "columns", "figures under consent")
    return f"{head}\n\n{table(names, rows)}"


def _part(part: Part, catalogue: Catalogue) -> tuple[str, ...]:
    document = catalogue[part.dataset].document
    scope = f" (`{document.consent_scope}`)" if document.consent_scope else ""
    masked = [name for name, treatment in part.columns.items() if treatment == "masked"]
    plain = [name for name in part.columns if name not in masked]
    shown = codes(plain) + (f"; masked 遮蔽: {codes(masked)}" if masked else "")
    figures = "; ".join(
        f"{figure.measure} of `{figure.column}`, {figure.band or figure.treatment}"
        for figure in part.figures
    )
    title = f"`{part.dataset}` {document.title.zh}"
    return title, f"{document.sensitivity}{scope}", _TO[part.to], shown, figures


def _bands(bands: dict[str, Band]) -> list[tuple[str, ...]]:
    return [
        (
            f"`{name}`",
            f"{band.unit.en} {band.unit.zh}".strip(),
            ", ".join(f"{edge:,.0f}" for edge in band.edges)
            or "; ".join(f"{code}: {words.en} {words.zh}" for code, words in band.codes.items()),
        )
        for name, band in bands.items()
    ]
