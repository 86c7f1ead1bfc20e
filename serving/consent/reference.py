"""The reference page of consent scopes, rendered from the catalogue, the rules and the notice."""

from features.contracts import Catalogue
from features.markdown import GENERATED, table
from serving.consent.notices import Notice, told
from serving.consent.rules import Rules, ScopeWords, known_scopes

_GRANTEES = {
    "any": "platform or one institution 平台或一家机构",
    "institution": "one institution 一家机构",
    "platform": "the platform 平台",
}


def scopes_page(catalogue: Catalogue, rules: Rules, notice: Notice) -> str:
    """Markdown: what each scope opens, what each purpose allows, what is told before.

    Parameters
    ----------
    rules, notice
        The versions in force.

    Returns
    -------
    str
        The page, ending with a newline.
    """
    parts = [
        f"# Consent scopes 授权范围\n\n{GENERATED}\n",
        "An enterprise opens kinds of data to one institution, for one purpose, until a day. See "
        "[give and take back consent](../how-to/give-and-take-back-consent.md).\n",
        *(_scope(scope, words, catalogue) for scope, words in known_scopes().items()),
        _purposes(rules),
        _notice(notice),
    ]
    return "\n".join(parts)


def _scope(scope: str, words: ScopeWords, catalogue: Catalogue) -> str:
    lines = [f"## `{scope}` {words.zh}\n", f"{words.en[0].upper()}{words.en[1:]}.\n"]
    if words.separate:
        lines.append(
            f"Must be confirmed by name (`separately`). {words.en_risk}  \n须单独确认。{words.zh_risk}\n"
        )
    opened = [catalogue[name].document for name in sorted(catalogue.opened_by(scope))]
    if opened:
        rows = [
            (document.code, f"`{document.name}`", document.title.zh, document.title.en)
            for document in opened
        ]
        lines.append(table(["code", "dataset 数据集", "中文", "English"], rows) + "\n")
    return "\n".join(lines)


def _purposes(rules: Rules) -> str:
    rows = [
        (f"`{purpose}`", _GRANTEES[rule.grantee], str(rule.most_days), rule.source)
        for purpose, rule in rules.purposes.items()
    ]
    header = ["purpose 用途", "grantee 被授权方", "most days 最长天数", "source 依据"]
    return (
        f"## Purposes 用途\n\nRules `{rules.version}`, in force since {rules.in_force}. Days count both ends. The "
        f"grantor's real-name level must be {rules.real_name_level} or higher ({rules.real_name_source}).\n\n"
        f"{table(header, rows)}\n"
    )


def _notice(notice: Notice) -> str:
    both = zip(told(notice, "zh", {}), told(notice, "en", {}), strict=True)
    rows = [(f"{zh[1]} {en[1]}", f"{zh[2]} {en[2]}") for zh, en in both]
    title = f"## Notice of risks 风险告知书\n\nVersion `{notice.version}`, in force since {notice.in_force}.\n\n"
    return f"{title}{table(['section 项目', 'text 内容'], rows)}\n"
