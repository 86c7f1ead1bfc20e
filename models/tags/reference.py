"""The reference page of tags, rendered from their catalogue."""

from datetime import date

from features.contracts import Catalogue
from features.markdown import GENERATED, codes, facts, sentence
from features.rules.book import in_force
from features.rules.vocabulary import Vocabulary
from models.tags.book import Tag, TagBook

_KINDS = {
    "computed": "by rule on records 按规则计算",
    "certified": "certified by an authority 部门认证",
    "self_declared": "declared by the firm 企业申报",
}
_AUDIENCES = {
    "open": "whom it is opened to 授权机构",
    "self": "the firm alone 仅企业本身",
    "platform": "the platform alone 仅平台",
}


def tags_page(book: TagBook, as_of_date: date, vocabulary: Vocabulary, catalogue: Catalogue) -> str:
    """Markdown: one heading a group, one a tag with its rule, source, readers and data.

    Parameters
    ----------
    as_of_date : date
        Versions in force on this day are shown.

    Returns
    -------
    str
        The page, ending with a newline.
    """
    tags = {tag.entry.code: tag for tag in book.at(as_of_date, vocabulary).tags}
    intro = (
        f"# Tags 企业标签\n\n{GENERATED}\n\n"
        f"{len(tags)} tags. A rule asks [features](features.md), [facts](facts.md), what the register says, the grade, "
        "and other tags (`tag_…`). What is not known makes a tag unknown, never true and never false. A personal tag "
        "may be removed by whom it is about; it is then unknown to everything that asks for it. Titles are read from "
        "the words of certificates, licences and honours by `features/facts/recognitions.yaml`.\n"
    )
    parts = [intro]
    for code, words in book.groups.items():
        own = [tag for tag in tags.values() if tag.entry.group == code]
        parts.append(f"## {words.zh} {words.en}\n")
        parts += [
            _tag(tag, as_of_date, catalogue) for tag in sorted(own, key=lambda t: t.entry.code)
        ]
    return "\n".join(parts)


def _tag(tag: Tag, as_of_date: date, catalogue: Catalogue) -> str:
    entry = tag.entry
    told = {"Kind 来源": _KINDS[entry.kind], "Shown to 可见": _AUDIENCES[entry.audience]}
    version = in_force(entry.versions, as_of_date)
    if tag.rule is not None and version is not None:
        scopes = {catalogue[name].document.consent_scope for name in tag.rule.datasets}
        told |= {
            "Rule 规则": f"`{tag.rule.rule}`",
            "In force since 生效": f"{version.valid_from}",
            "Source 依据": version.source,
            "Consent scopes 授权范围": codes(sorted(one for one in scopes if one)) or "none 无",
        }
    elif entry.valid_months is not None:
        told["Counts for 有效期"] = f"{entry.valid_months} months 个月"
    if entry.personal:
        told["Personal 涉及个人"] = "yes, may be removed 是，可移除"
    return f"### {entry.code} {entry.words.zh}\n\n{sentence(entry.words.en)}.\n\n{facts(told)}\n"
