"""The quality report as one page: both languages, no request to anywhere, readable on a phone."""

from collections.abc import Iterable, Sequence
from html import escape

from features.contracts import Catalogue
from features.quality.conflicts import ConflictCount
from features.quality.report import QualityReport, SourceQuality
from features.quality.wording import explain

#: Newest months on the page; `--json` gives every one.
MONTHS = 24
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,"PingFang SC","Microsoft YaHei",sans-serif;max-width:72rem;margin:0 auto;padding:1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid #8886;text-align:right;white-space:nowrap}
th:first-child,td:first-child,td.text,th.text{text-align:left}
td.text{white-space:normal;min-width:9rem}
small{opacity:.75}
.full{background:#1a7f3733}.part{background:#bf870044}.none{background:#cf222e44}
"""


def plain(number: float) -> str:
    """A number for people, without an exponent.

    Examples
    --------
    >>> [plain(number) for number in (1456730.0, 0.25, 12)]
    ['1,456,730', '0.25', '12']
    """
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def percent(share: float | None) -> str:
    """A share for people; never rounded up to a hundred nor down to nothing.

    Examples
    --------
    >>> [percent(share) for share in (None, 0.0, 0.00001, 2 / 3, 0.99999, 1.0)]
    ['–', '0 %', '0.1 %', '66.7 %', '99.9 %', '100 %']
    """
    if share is None:
        return "–"
    if share in {0, 1}:
        return f"{share * 100:.0f} %"
    return f"{min(max(share * 100, 0.1), 99.9):.1f} %"


def render_page(
    report: QualityReport, conflicts: Sequence[ConflictCount], catalogue: Catalogue
) -> str:
    """The whole page as HTML; the same report gives the same bytes."""
    basis = (
        ("按归集责任清单", "held to the list of duties")
        if report.has_stated_duties
        else ("按各单位首次送达起计", "each provider held to its own first delivery")
    )
    parts = [
        f"<p>截至 {report.as_of_date} 24:00 · 数据湖第 {report.lake_version} 次提交 · {basis[0]}<br>"
        f"<small>As of {report.as_of_date} 24:00 · lake commit {report.lake_version} · {basis[1]}</small></p>",
        _section("归集率（按月）", "Collection rate by month", _rates(report)),
        _section("企业覆盖率（按月）", "Enterprises covered by month", _coverage(report)),
        _section("送达与入库", "Delivered and landed", _counts(report)),
        _section("缺交与迟交", "Missing and late", _gaps(report)),
        _section("拒收原因", "Why rows were rejected", _reasons(report, catalogue)),
        _section("可选列填报率", "Optional columns filled in", _completeness(report, catalogue)),
        _section("来源间的矛盾", "Where sources disagree", _conflicts(conflicts)),
        _section("排名", "Ranking", _ranking(report)),
    ]
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>数据质量报告 Quality report {report.as_of_date}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>数据质量报告 <small>Quality report</small></h1>\n{''.join(parts)}</body></html>\n"
    )


def _section(zh: str, en: str, table: str) -> str:
    body = table or "<p>无 <small>None</small></p>"
    return f"<h2>{zh} <small>{en}</small></h2>\n{body}\n"


def _table(header: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells come as they are, so whoever fills them escapes."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join(
        f"<tr>{''.join(c if c.startswith('<td') else f'<td>{c}</td>' for c in row)}</tr>\n"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _both(zh: str, en: str) -> str:
    return f"{escape(zh)}<br><small>{escape(en)}</small>"


def _text(zh: str, en: str = "") -> str:
    return f'<td class="text">{_both(zh, en) if en else escape(zh)}</td>'


def _heat(share: float | None) -> str:
    if share is None:
        return "<td>–</td>"
    kind = "full" if share == 1 else "part" if share else "none"
    return f'<td class="{kind}">{percent(share)}</td>'


def _who(source: SourceQuality) -> list[str]:
    return [_text(source.dataset), _text(source.provider)]


_WHO = (_both("数据集", "dataset"), _both("提供单位", "provider"))


def _rates(report: QualityReport) -> str:
    held = [(s, s.calendar) for s in report.sources if s.calendar and s.calendar.required]
    months = sorted({m.month for _, calendar in held for m in calendar.months})[-MONTHS:]
    rows: list[list[str]] = []
    for source, calendar in held:
        rates = {m.month: m.rate for m in calendar.months}
        whole = f"{calendar.delivered}/{calendar.required}"
        name, provider = _who(source)
        by_month = (_heat(rates.get(m)) for m in months)
        # The rate of all periods stands first, where a phone shows it.
        rows.append([name, _heat(calendar.rate), *by_month, whole, provider])
    dataset, provider = _WHO
    header = (
        dataset,
        _both("合计", "all"),
        *map(str, months),
        _both("已交/应交", "delivered/due"),
        provider,
    )
    return _table(header, rows)


def _coverage(report: QualityReport) -> str:
    found = {month for covered in report.coverage.values() for month in covered.by_month}
    months = sorted(found)[-MONTHS:]
    rows = [
        [_text(name), f"{covered.base:,}", *(_heat(covered.share(m)) for m in months)]
        for name, covered in sorted(report.coverage.items())
    ]
    return _table((_WHO[0], _both("应覆盖企业", "enterprises"), *map(str, months)), rows)


def _counts(report: QualityReport) -> str:
    header = (
        *_WHO,
        _both("文件", "files"),
        _both("送达行", "rows"),
        _both("入库", "landed"),
        _both("拒收", "rejected"),
        _both("重复", "duplicates"),
        _both("更正", "corrections"),
        _both("存疑", "doubtful"),
        _both("及时率", "on time"),
        _both("允许天数", "days allowed"),
        _both("中位天数", "median days"),
        _both("九成天数", "p90 days"),
    )
    rows: list[list[str]] = []
    for s in report.sources:
        counts = (
            s.files,
            s.delivered,
            s.landed,
            s.rejected,
            s.duplicates,
            s.superseded,
            s.doubtful,
        )
        t = s.timeliness
        days = ["–" if d is None else f"{d}" for d in (t.allowed_days, t.median_days, t.p90_days)]
        rows.append([*_who(s), *(f"{count:,}" for count in counts), percent(t.share), *days])
    return _table(header, rows)


def _gaps(report: QualityReport) -> str:
    rows = [
        [
            *_who(s),
            _text("、".join(s.calendar.missing) or "–"),
            _text("、".join(s.calendar.late) or "–"),
            f"{s.calendar.dated_back}",
        ]
        for s in report.sources
        if s.calendar and (s.calendar.missing or s.calendar.late or s.calendar.dated_back)
    ]
    header = (
        *_WHO,
        _both("缺交", "missing"),
        _both("迟交", "late"),
        _both("历史回溯期数", "periods of back history"),
    )
    return _table(header, rows)


def _reasons(report: QualityReport, catalogue: Catalogue) -> str:
    rows: list[list[str]] = []
    for source in report.sources:
        for reason, count in source.reasons:
            w = explain(reason, catalogue[source.dataset])
            words = [_text(both.zh, both.en) for both in (w.title, w.reason, w.fix)]
            rows.append([*_who(source), f"{count:,}", *words])
    header = (
        *_WHO,
        _both("次数", "times"),
        _both("列", "column"),
        _both("原因", "reason"),
        _both("处理办法", "what to do"),
    )
    return _table(header, rows)


def _completeness(report: QualityReport, catalogue: Catalogue) -> str:
    rows: list[list[str]] = []
    for source in report.sources:
        columns = catalogue[source.dataset].columns
        for name, share in source.completeness.items():
            rows.append([*_who(source), _text(columns[name].zh, columns[name].en), _heat(share)])
    return _table((*_WHO, _both("列", "column"), _both("填报率", "filled")), rows)


def _conflicts(conflicts: Sequence[ConflictCount]) -> str:
    rows: list[list[str]] = []
    for found in conflicts:
        if not found.compared:
            continue
        words = found.conflict
        examples = "；".join(
            f"{e.uscc} {e.place or ''} {words.a.zh} {plain(e.value_a)}，{words.b.zh} {plain(e.value_b)}"
            for e in found.examples
        )
        counts = (found.compared, found.conflicting, found.enterprises)
        rows.append(
            [
                _text(words.zh, words.en),
                *(f"{count:,}" for count in counts),
                percent(found.share),
                _text(examples or "–"),
            ]
        )
    header = (
        _both("矛盾", "conflict"),
        _both("比对数", "compared"),
        _both("矛盾数", "conflicting"),
        _both("企业数", "enterprises"),
        _both("占比", "share"),
        _both("例", "examples"),
    )
    return _table(header, rows)


def _ranking(report: QualityReport) -> str:
    rows = [
        [f"{p.rank}", _text(p.provider), f"{p.required}", f"{p.delivered}", f"{p.on_time}"]
        for p in report.ranking
    ]
    header = (
        _both("名次", "rank"),
        _WHO[1],
        _both("应交期数", "due"),
        _both("已交", "delivered"),
        _both("按时", "on time"),
    )
    return _table(header, rows)
