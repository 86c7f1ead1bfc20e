"""The reference pages of the sharing list and of published lists, rendered from their files."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from features.contracts import Catalogue, Column, Dataset, lake_column
from features.markdown import GENERATED, codes, facts, sentence, table
from features.published import PublishedKind, PublishedList

_MODES: Mapping[str, str] = {
    "bulk": "bulk 物理归集",
    "api": "api 接口调用",
    "verification": "verification 数据核验",
    "feedback": "feedback 机构回传",
    "declared": "declared 自主申报",
    "platform": "platform 平台产生",
}
_SENSITIVITIES: Mapping[str, str] = {
    "public": "public 依法公开",
    "authorised": "authorised 经企业授权",
    "secret": "secret 商业秘密、个人隐私",
    "internal": "internal 平台内部",
}
_EVIDENCE: Mapping[str, str] = {
    "verified": "verified 已核文本",
    "knowledge": "knowledge 行业常识",
    "proposal": "proposal 本平台提议",
}
_NONE = "–"


def catalogue_page(catalogue: Catalogue, lists: Sequence[PublishedList]) -> str:
    """Markdown: a table of all datasets by category, then one heading a dataset.

    Parameters
    ----------
    catalogue : Catalogue
    lists : sequence of PublishedList
        Their fields are named under the datasets they lead to.

    Returns
    -------
    str
        The page, ending with a newline.
    """
    intro = (
        f"# Shared data 共享清单\n\n{GENERATED}\n\n"
        f"{len(catalogue.datasets)} datasets. Columns as providers deliver them. Money is yuan in a file and "
        "whole fen in the lake; personal columns reach the lake only as a keyed token and a sealed value. "
        "What each city published is in [published lists](published-lists.md); how to add or narrow a dataset "
        "in [change the catalogue](../how-to/change-the-catalogue.md).\n"
    )
    sections = (_dataset(dataset, lists) for dataset in catalogue)
    return "\n".join([intro, _contents(catalogue), *sections])


def published_page(lists: Sequence[PublishedList]) -> str:
    """Markdown: one heading a published list, quoted, with the columns its fields lead to.

    Parameters
    ----------
    lists : sequence of PublishedList

    Returns
    -------
    str
        The page, ending with a newline.
    """
    intro = (
        f"# Published lists 已发布清单\n\n{GENERATED}\n\n"
        "Kinds, fields, modes, departments and plans are quoted. A department's file headed by the fields of a "
        "list lands without a mapping file: `xinqiao ingest FILE --dataset DATASET --mapping LIST`.\n"
    )
    return "\n".join([intro, *map(_published, lists)])


def _contents(catalogue: Catalogue) -> str:
    """Datasets in the order of their codes, under the category they stand in."""
    rows: list[Sequence[str]] = []
    ordered = sorted(catalogue, key=_place)
    first = {d.document.category.zh: _place(d) for d in reversed(ordered)}
    ordered.sort(key=lambda d: (first[d.document.category.zh], _place(d)))
    for (zh, en), datasets in groupby(ordered, _category):
        rows.append([f"**{zh} {en}**", *[""] * 7])
        rows += [_content(dataset) for dataset in datasets]
    header = [
        "code 编号",
        "dataset 数据集",
        "sensitivity 敏感级别",
        "scope 授权范围",
        "mode 共享方式",
        "cadence 频率",
        "provider 提供单位",
        "evidence 依据",
    ]
    return table(header, rows) + "\n"


def _category(dataset: Dataset) -> tuple[str, str]:
    return dataset.document.category.zh, dataset.document.category.en


def _place(dataset: Dataset) -> tuple[str, int, str]:
    """`D06A` comes after `D06`, and every D before the rest."""
    code = dataset.document.code
    return "" if code.startswith("D") else code[0], int(code[1:3]), code


def _content(dataset: Dataset) -> Sequence[str]:
    document = dataset.document
    return [
        document.code,
        f"[{document.name}](#{document.name}) {document.title.zh}",
        str(document.sensitivity),
        f"`{document.consent_scope}`" if document.consent_scope else _NONE,
        _MODES[document.sharing_mode],
        document.cadence,
        document.provider.zh,
        document.evidence,
    ]


def _dataset(dataset: Dataset, lists: Sequence[PublishedList]) -> str:
    document = dataset.document
    told = {
        "Code 编号": document.code,
        "Category 类别": f"{document.category.zh} {document.category.en}",
        "Provider 提供单位": f"{document.provider.zh} {document.provider.en}",
        "Sharing 共享方式": _MODES[document.sharing_mode],
        "Sensitivity 敏感级别": _SENSITIVITIES[document.sensitivity],
        "Consent scope 授权范围": codes([document.consent_scope])
        if document.consent_scope
        else _NONE,
        "Cadence 更新频率": document.cadence,
        "Usual lag 通常滞后": f"{document.available_lag_days} days 天",
        "Key 主键": codes(document.primary_key),
        "Event date 事件日期": codes([document.event_date]) if document.event_date else _NONE,
        "Publicity 公示期": _publicity(dataset),
        "Retention 保存期限": _retention(dataset),
        "Evidence 依据": _EVIDENCE[document.evidence],
        **{f"In {name} 对应": fields for name, fields in _printed(dataset, lists)},
    }
    rows = [_column(name, column) for name, column in dataset.columns.items()]
    header = ["column 列", "type 类型", "in the lake 湖内", "required 必填", "meaning 含义"]
    notes = f"{document.notes}\n\n" if document.notes else ""
    return (
        f"## {dataset.name}\n\n{document.title.zh}  \n{sentence(document.title.en)}\n\n"
        f"{notes}{facts(told)}\n\n{table(header, rows)}\n{_derived(dataset)}{_checks(dataset)}"
    )


def _column(name: str, column: Column) -> Sequence[str]:
    stored = {"enterprise_key": "INTEGER"} if name == "uscc" else lake_column(name, column)
    kept = ", ".join(f"`{kept}` {kind}" for kept, kind in stored.items())
    unit = f", {column.unit}" if column.unit else ""
    values = "; ".join(f"`{code}` {words.zh} {words.en}" for code, words in column.values.items())
    meaning = f"{column.zh} {column.en}" + (f": {values}" if values else "")
    required = "yes 是" if column.required else ""
    is_kept = name == "uscc" or column.is_stored
    return [
        f"`{name}`",
        f"{column.type}{unit}",
        kept if is_kept else "not kept 不入湖",
        required,
        meaning,
    ]


def _publicity(dataset: Dataset) -> str:
    publicity = dataset.document.publicity
    if publicity is None:
        return "as delivered 以提供单位为准" if dataset.document.negative else _NONE
    lengths = ", ".join(f"`{code}` {months}" for code, months in publicity.months.items())
    return f"months from 起算月数 `{publicity.starts}` by 按 `{publicity.by}`: {lengths}"


def _retention(dataset: Dataset) -> str:
    retention = dataset.document.retention
    if retention is None:
        return "no limit 未设期限"
    limits: list[str] = []
    if retention.years is not None:
        limits.append(f"{retention.years} years from 年，自 `{retention.counts_from}`")
    if retention.days_after_consent is not None:
        limits.append(f"{retention.days_after_consent} days after the consent 天，自授权终止")
    return f"{'; '.join(limits)} ({retention.basis.zh} {retention.basis.en})"


def _printed(dataset: Dataset, lists: Sequence[PublishedList]) -> Iterator[tuple[str, str]]:
    """Which printed kind leads to the dataset, and by how many fields."""
    for published in lists:
        for kind in published.kinds:
            if kind.dataset == dataset.name:
                led = "、".join(f"{field} → {codes(names)}" for field, names in kind.fields.items())
                yield published.name, f"{kind.number} {kind.kind}: {led}"


def _derived(dataset: Dataset) -> str:
    blocks = [
        f"\n`{name}` where the provider gives none 未提供时:\n\n```sql\n{column.derive}\n```\n"
        for name, column in dataset.columns.items()
        if column.derive is not None
    ]
    return "".join(blocks)


def _checks(dataset: Dataset) -> str:
    checks = dataset.document.checks
    if not checks:
        return ""
    rows = [
        [f"`{name}`", check.action, f"`{' '.join(check.sql.split())}`", f"{check.zh} {check.en}"]
        for name, check in checks.items()
    ]
    header = ["check 检查", "if it fails 不符时", "condition 条件", "says 说明"]
    return f"\n{table(header, rows)}\n"


def _published(published: PublishedList) -> str:
    notes = "\n".join(f"{n}. {note}" for n, note in enumerate(published.notes, start=1))
    kinds = "\n".join(map(_kind, published.kinds))
    title = published.title
    return (
        f"## {published.name}\n\n{title.zh}, {published.issued_on}  \n{title.en}\n\n"
        f"{kinds}\nNotes of the annex 附件注:\n\n{notes}\n"
    )


def _kind(kind: PublishedKind) -> str:
    told = {
        "Category 大类": kind.category,
        "Mode 共享方式": f"{kind.mode}({kind.authorisation}); here 本平台: {_MODES[kind.sharing_mode]}",
        "Departments 责任单位": kind.departments,
        "Plan 推进计划": kind.plan,
        "Dataset 数据集": f"[{kind.dataset}](catalogue.md#{kind.dataset})",
    }
    rows = [[field, codes(names)] for field, names in kind.fields.items()]
    return (
        f"### {kind.number} {kind.kind}\n\n{facts(told)}\n\n"
        f"{table(['field 共享内容', 'lands in 落入'], rows)}\n"
    )
