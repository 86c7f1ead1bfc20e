"""The reference page of the quality rules, rendered from the rule pack."""

from collections.abc import Iterable, Mapping

from features.quality_rules import QualityRules, Reason

_GENERATED = "This page is generated from `features/quality_rules.yaml`; do not edit it. 本页由规则文件自动生成，请勿手工修改。"


def quality_page(rules: QualityRules) -> str:
    """Markdown: what is read as what, then one heading a reason and a warning.

    Parameters
    ----------
    rules : QualityRules

    Returns
    -------
    str
        The page, ending with a newline.
    """
    parts = [
        f"# Quality rules 数据质量规则\n\n{_GENERATED}\n\n"
        f"Rule pack `{rules.version}`, in force since {rules.in_force}. A dataset adds its own conditions (`checks`, "
        "reported as `check:<name>`) in the [catalogue](catalogue.md).\n",
        _formats(rules),
        _numbers(rules),
        _prefixes(rules),
        "## Reasons 拒收原因\n\nA row with one of these goes to quarantine, reported as `column:reason`.\n",
        *_words(rules.reasons),
        "## Warnings 存疑\n\nA row with one of these lands marked `warn`.\n",
        *_words(rules.warnings),
    ]
    if rules.notes:
        parts += ["## Notes 提示\n\nCounted; the row lands unmarked.\n", *_words(rules.notes)]
    return "\n".join(parts)


def _formats(rules: QualityRules) -> str:
    lists = rules.month_lists
    rows = {
        "missing 缺失": _codes(rules.empty_markers) + ", empty 空",
        "date 日期": _codes(rules.moments.days),
        "month 月份": _codes(rules.moments.months),
        "time 时间": f"a date and `{rules.moments.time_of_day}`",
        "years 年份": f"{rules.moments.years[0]} to {rules.moments.years[1]}",
        "yes 是": _codes(rules.booleans.is_true),
        "no 否": _codes(rules.booleans.is_false),
        "list 列表": f"items with {_codes(rules.list_separators)} between them",
        "month list 月份列表": f"`YYYYMM{lists.between}value{lists.end}` for each month; no 0, no month twice, "
        f"none more than {lists.window} months before the newest or after the delivery; whole numbers for heads",
        "code 代码": "full-width characters and blanks are read as plain ones",
    }
    return "## What is read as what 格式\n\n" + _table("| kind 类型 | written 写法 |", rows)


def _numbers(rules: QualityRules) -> str:
    numbers = rules.numbers
    marks = (f"{name} = {value}" for name, value in numbers.unknown_marks.items())
    rows = {
        "amounts 金额": f"below {numbers.money_limit:,} yuan 元, two decimals",
        "more than 0 大于 0": _codes(numbers.positive),
        "0 or more 不小于 0": _codes(numbers.zero_allowed),
        "stands for not stated 表示未载明": _codes(marks),
    }
    return "## Numbers 数值\n\n" + _table("| rule 规则 | columns 列 |", rows)


def _prefixes(rules: QualityRules) -> str:
    rows = {
        _codes(f"{code}{kind}" for kind in department.kinds): f"{department.zh} {department.en}"
        for code, department in rules.uscc.departments.items()
    }
    title = "## First two characters of a credit code 统一社会信用代码前两位\n\n"
    return f"{title}{rules.uscc.source}\n\n" + _table("| code 代码 | department 部门 |", rows)


def _words(reasons: Mapping[str, Reason]) -> Iterable[str]:
    for code, words in reasons.items():
        yield (
            f"### `{code}`\n\n{words.zh}。{words.fix.zh}。  \n"
            f"The value {words.en}. {words.fix.en}.\n"
        )


def _table(header: str, rows: Mapping[str, str]) -> str:
    lines = "\n".join(
        f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in rows.items()
    )
    return f"{header}\n|---|---|\n{lines}\n"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
