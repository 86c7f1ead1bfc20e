"""The rating card: one page of text that a banker can keep and add up."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from features.codes.industries import load_industries
from features.contracts import Words
from features.errors import Language
from models.arrays import FloatArray
from models.bundle import Bundle
from models.explain import Explanation, ReasonRow, explain
from models.knockouts import KnockoutAnswers
from models.manifest import GradeRate, ProbabilityKind
from models.portrait import SIZE_WORDS, Absence, Kinds
from models.portrait_tables import PeerTable
from models.scorer import Confidence, Ratings, Scorer
from models.text import bar, gauge, mask_code, mask_name, padded, width_of, wrapped

WIDTH = 78
_LABEL, _HALF, _POINTS = 30, 18, 8

_WORDS: dict[str, Words] = {
    "title": Words(zh="信桥 · 企业信用评级卡", en="Xinqiao · enterprise credit rating"),
    "as_of": Words(zh="截至", en="as of"),
    "uscc": Words(zh="统一社会信用代码", en="USCC"),
    "data": Words(zh="发票日期", en="Invoices"),
    "until": Words(zh="至", en="to"),
    "received": Words(zh="最近入库", en="last received"),
    "none": Words(zh="无", en="none"),
    "grade": Words(zh="等级", en="Grade"),
    "capped": Words(
        zh="否决项：{what}，等级不高于 {cap}（模型等级 {model}，评分与概率不变）",
        en="Knock-out: {what}; grade at most {cap} (the model's is {model}; score and probability stay)",
    ),
    "unknown": Words(
        zh="未能核查的否决项（未授权或无记录）",
        en="Knock-outs not known (not authorised or no record)",
    ),
    "range": Words(zh="可信度低，等级范围", en="low confidence, grade range"),
    "score": Words(zh="评分", en="Score"),
    "use": Words(zh="适用", en="Use"),
    "default_probability": Words(zh="违约概率", en="Default probability"),
    "pd_12m": Words(zh="12个月违约概率", en="12-month PD"),
    "event_6m": Words(zh="6个月内风险事件概率", en="Event within 6 months"),
    "interval": Words(
        zh="{which}在验证样本中违约率的 {level} 区间：{low}–{high}（n={n}, d={d}）",
        en="{level} interval of {which} default rate in validation: {low}–{high} (n={n}, d={d})",
    ),
    "this_grade": Words(zh="本等级", en="this grade's"),
    "model_grade": Words(zh="模型等级 {grade} ", en="grade {grade}'s"),
    "no_interval": Words(
        zh="验证样本中没有该等级的企业，无法给出区间",
        en="No firm of this grade in validation, hence no interval",
    ),
    "why": Words(zh="分数构成（与参考企业相比）", en="How the score adds up (vs reference)"),
    "lowers": Words(zh="拉低", en="lowers"),
    "raises": Words(zh="提高", en="raises"),
    "base": Words(zh="基准分（参考企业）", en="Base (reference firms)"),
    "others": Words(zh="其他（{n} 组）", en="All others ({n} groups)"),
    "limit": Words(zh="评分上下限调整", en="Limit of the scale"),
    "total": Words(zh="评分合计", en="Score"),
    "portrait": Words(
        zh="画像（0–100，竖线 50 为同业中位）",
        en="Portrait (0–100, the line is the peers' median, 50)",
    ),
    "peers": Words(zh="同业：{group}，{number} 家", en="Peers: {group}, {number} firms"),
    "every_kind": Words(zh="全部企业", en="all firms"),
    "or_more": Words(zh="及以上", en=" or more"),
    "withheld": Words(zh="尚未授权的数据", en="Data not authorised"),
    "authorise": Words(zh="可授权：", en="to authorise: "),
    "advice": Words(zh="改进建议", en="What would help"),
    "confidence": Words(zh="可信度", en="Confidence"),
    "coverage": Words(zh="模型信息覆盖", en="of the model's information was visible"),
    "model": Words(zh="模型", en="Model"),
    "bundle": Words(zh="模型包", en="bundle"),
}
_ABSENT: dict[Absence, Words] = {
    "withheld": Words(zh="未授权", en="not authorised"),
    "no_record": Words(zh="无记录", en="no record"),
    "not_read": Words(zh="模型未使用", en="not read by the model"),
    "few_peers": Words(zh="同业不足", en="too few peers"),
}
_CONFIDENCE: dict[Confidence, Words] = {
    "H": Words(zh="高", en="high"),
    "M": Words(zh="中", en="medium"),
    "L": Words(zh="低", en="low"),
}


@dataclass(frozen=True)
class Subject:
    """Whom a card is about and how fresh the data are.

    Parameters
    ----------
    enterprise_name, uscc : str
        Masked when printed.
    as_of_date : date
    first_invoice_on, last_invoice_on : date or None
        Span of the invoices seen.
    available_until : datetime or None
        Latest moment at which a seen row became available, Asia/Shanghai.
    """

    enterprise_name: str
    uscc: str
    as_of_date: date
    first_invoice_on: date | None = None
    last_invoice_on: date | None = None
    available_until: datetime | None = None


@dataclass(frozen=True)
class PortraitFacts:
    """Six positions among peers, and who the peers are.

    Parameters
    ----------
    dimensions : tuple of (str, Words, int or Absence)
        Code, words, and the position or why there is none.
    peers : PeerTable or None
    bands : tuple of int
        Edges in which the number of peers is said.
    """

    dimensions: tuple[tuple[str, Words, int | Absence], ...]
    peers: PeerTable | None
    bands: tuple[int, ...]


@dataclass(frozen=True)
class CardFacts:
    """Everything printed on a card.

    Parameters
    ----------
    grade, model_grade : str
        After and before the knock-outs; the label and the use are those of `grade`.
    capped_by : tuple of (Words, str)
        Knock-outs that hold, with the best grade each leaves.
    unknown_knockouts : tuple of Words
        Knock-outs that could not be known.
    rate : GradeRate or None
        Defaults of the grade in validation; None where validation had no such firm.
    grade_range : tuple of str
        Next better and next worse grade of the model's, printed where confidence is low and no
        knock-out decides.
    withheld_scopes : tuple of str
        Consent scopes that would complete the picture.
    """

    subject: Subject
    grade: str
    model_grade: str
    capped_by: tuple[tuple[Words, str], ...]
    unknown_knockouts: tuple[Words, ...]
    grade_label: Words
    suggested_use: Words
    grade_range: tuple[str, str]
    score: int
    probability: float
    probability_kind: ProbabilityKind
    label: Words
    rate: GradeRate | None
    interval_level: float
    base_points: int
    points_limit: int
    explanation: Explanation
    portrait: PortraitFacts
    withheld_scopes: tuple[str, ...]
    coverage: float
    confidence: Confidence
    model: str
    bundle_id: str
    disclaimer: Words


def card_facts(
    subject: Subject,
    bundle: Bundle,
    ratings: Ratings,
    values: FloatArray,
    *,
    row: int = 0,
    withheld: Collection[str] = (),
    knockouts: KnockoutAnswers | None = None,
    kinds: Kinds | None = None,
) -> CardFacts:
    """Gather a card from one row of ratings.

    Parameters
    ----------
    subject : Subject
    bundle : Bundle
        That made the ratings.
    ratings : Ratings
    values : ndarray of shape (k,)
        Feature values of the firm, as rated.
    row : int
        Its row in the ratings.
    withheld : collection of str
        Datasets the scope does not open.
    knockouts : KnockoutAnswers, optional
        Of the same rows; none is asked when left out.
    kinds : Kinds, optional
        Of this firm alone; it is compared with all firms when left out.

    Returns
    -------
    CardFacts
    """
    manifest, layout = bundle.manifest, bundle.layout
    visible = {f.group for f in manifest.features if set(withheld).isdisjoint(f.datasets)}
    asked = knockouts or KnockoutAnswers.none(len(ratings))
    model_grade = str(ratings.grade[row])
    grade = str(asked.cap(ratings.grade, bundle.scale)[row])
    letter = bundle.scale.grade(grade)
    rate = manifest.grades.get(model_grade)
    scopes = {manifest.consent_scopes.get(name) for name in withheld}
    return CardFacts(
        subject=subject,
        grade=grade,
        model_grade=model_grade,
        capped_by=tuple((one.words, one.grade_at_most) for one in asked.holding_at(row)),
        unknown_knockouts=tuple(one.words for one in asked.unknown_at(row)),
        grade_label=letter.label,
        suggested_use=letter.suggested_use,
        grade_range=bundle.scale.grade_range(model_grade),
        score=int(ratings.score[row]),
        probability=float(ratings.probability[row]),
        probability_kind=manifest.probability_kind,
        label=manifest.label,
        rate=rate if rate is not None and rate.n else None,
        interval_level=manifest.interval_level,
        base_points=ratings.base_points,
        points_limit=int(ratings.points_limit[row]),
        explanation=explain(
            bundle.reasons,
            dict(zip(layout.groups, ratings.group_points[row].tolist(), strict=True)),
            dict(zip(layout.features, np.asarray(values, dtype=np.float64).tolist(), strict=True)),
            withheld=[code for code in layout.groups if code not in visible],
        ),
        portrait=_portrait(bundle, values, withheld, kinds),
        withheld_scopes=tuple(sorted(scope for scope in scopes if scope is not None)),
        coverage=ratings.coverage,
        confidence=ratings.confidence,
        model=f"{manifest.name}@{manifest.version}",
        bundle_id=bundle.id,
        disclaimer=manifest.disclaimer,
    )


def _portrait(
    bundle: Bundle,
    values: FloatArray,
    withheld: Collection[str],
    kinds: Kinds | None,
) -> PortraitFacts:
    hidden = Scorer(bundle).hidden_columns(withheld)
    row = np.asarray(values, dtype=np.float64)[None, :]
    drawn = bundle.portraitist.draw(row, hidden, kinds or Kinds.unknown(1))
    rules = bundle.portrait_rules
    dimensions: list[tuple[str, Words, int | Absence]] = [
        (name, one.words, drawn.position(name)) for name, one in rules.dimensions.items()
    ]
    return PortraitFacts(tuple(dimensions), drawn.peers(), tuple(rules.peer_bands.values))


def render_card(facts: CardFacts, language: Language = "zh") -> str:
    """Write the card, at most 78 columns wide; a Chinese character takes two.

    Returns
    -------
    str
        Lines joined by line feeds, the last one ended.
    """
    card = _Card(facts, language)
    lines = [
        "═" * WIDTH,
        *card.head(),
        "─" * WIDTH,
        *card.verdict(),
        "─" * WIDTH,
        *card.composition(),
        "─" * WIDTH,
        *card.portrait(),
        "─" * WIDTH,
        *card.foot(),
        "═" * WIDTH,
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


@dataclass(frozen=True)
class _Card:
    """The parts of a card in one language."""

    facts: CardFacts
    language: Language

    def head(self) -> Iterator[str]:
        """Whom, when, and from which data."""
        subject = self.facts.subject
        yield _apart(self._say("title"), f"{self._say('as_of')} {subject.as_of_date}")
        code = f"{self._say('uscc')} {mask_code(subject.uscc)}"
        yield _apart(padded(mask_name(subject.enterprise_name), 40).rstrip(), code)
        first, last = subject.first_invoice_on, subject.last_invoice_on
        span = self._say("none") if first is None else f"{first} {self._say('until')} {last}"
        known = subject.available_until
        moment = self._say("none") if known is None else f"{known:%Y-%m-%d %H:%M}"
        yield _apart(f"{self._say('data')} {span}", f"{self._say('received')} {moment}")

    def verdict(self) -> Iterator[str]:
        """Grade, score and probability, with what they can bear."""
        facts = self.facts
        kind = self._say(facts.probability_kind)
        left = f"{self._say('grade')} {facts.grade} {self._in(facts.grade_label)}"
        middle = f"{self._say('score')} {facts.score}"
        yield _apart(f"{left}    {middle}", f"{kind} {_percent(facts.probability)}")
        yield from self._lines(f"{self._say('use')} {self._in(facts.suggested_use)}")
        for what, cap in facts.capped_by:
            capped = self._say("capped").format(
                what=self._in(what), cap=cap, model=facts.model_grade
            )
            yield from self._lines(capped)
        if facts.confidence == "L" and not facts.capped_by:
            yield from self._lines(f"{self._say('range')} {'–'.join(facts.grade_range)}")
        yield from self._lines(self._interval())
        yield from self._lines(self._in(facts.label))

    def composition(self) -> Iterator[str]:
        """Lay base, groups and limit under each other: a column that adds up to the score."""
        facts, found = self.facts, self.facts.explanation
        rows = (*found.negative, *found.positive)
        largest = max((abs(row.points) for row in rows), default=1)
        largest = max(largest, abs(found.other_points), abs(facts.points_limit))
        axis = f"← {self._say('lowers')} "
        yield (
            " "
            + padded(self._say("why"), _LABEL + _HALF - width_of(axis))
            + axis
            + (f"│ {self._say('raises')} →")
        )
        yield self._row(self._say("base"), str(facts.base_points))
        for row in rows:
            yield from self._reason(row, largest)
        others = self._say("others").replace("{n}", str(found.other_groups))
        yield self._row(others, f"{found.other_points:+d}", bar(found.other_points, largest, _HALF))
        if facts.points_limit:
            drawn = bar(facts.points_limit, largest, _HALF)
            yield self._row(self._say("limit"), f"{facts.points_limit:+d}", drawn)
        yield " " * (1 + _LABEL + 2 * _HALF + 2) + "─" * _POINTS
        yield self._row(self._say("total"), str(facts.score))

    def portrait(self) -> Iterator[str]:
        """Lay six bars from 0 to 100 under each other, with the peers' median in the middle."""
        facts = self.facts.portrait
        yield f" {self._say('portrait')}"
        if facts.peers is not None:
            number = self._band(facts.peers.firms_from, facts.bands)
            group = self._peer_group(facts.peers)
            yield from self._lines(self._say("peers").format(group=group, number=number))
        for code, words, found in facts.dimensions:
            label = f"{code} {self._in(words)}"
            if isinstance(found, int):
                yield self._row(label, str(found), gauge(found, _HALF))
            else:
                yield f" {padded(label, _LABEL)}{self._in(_ABSENT[found])}"

    def _peer_group(self, peers: PeerTable) -> str:
        size = SIZE_WORDS.get(peers.size_class)
        section = load_industries().sections.get(peers.industry_section)
        named = [
            *([self._in(size)] if size else []),
            *([section.zh if self.language == "zh" else section.en] if section else []),
        ]
        return " · ".join(named) or self._say("every_kind")

    def _band(self, start: int, edges: tuple[int, ...]) -> str:
        end = min((edge for edge in edges if edge > start), default=None)
        return f"{start}{self._say('or_more')}" if end is None else f"{start}–{end - 1}"

    def foot(self) -> Iterator[str]:
        """Say what is missing, what would help, and who says so."""
        facts, found = self.facts, self.facts.explanation
        if found.withheld:
            titles = "、" if self.language == "zh" else ", "
            names = titles.join(f"{code} {self._in(title)}" for code, title in found.withheld)
            scopes = ", ".join(facts.withheld_scopes)
            tail = f" ({self._say('authorise')}{scopes})" if scopes else ""
            yield from self._lines(f"{self._say('withheld')} {names}{tail}")
        if facts.unknown_knockouts:
            between = "、" if self.language == "zh" else "; "
            names = between.join(map(self._in, facts.unknown_knockouts))
            yield from self._lines(f"{self._say('unknown')} {names}")
        if found.advice:
            yield f" {self._say('advice')}"
            for code, advice in found.advice:
                yield from self._lines(f"{code} {self._in(advice)}", indent=3, hanging=4)
        coverage = f"{facts.coverage:.0%}".replace("%", " %")
        said = f"{self._say('confidence')} {self._in(_CONFIDENCE[facts.confidence])}"
        if self.language == "zh":
            yield from self._lines(f"{said}（{self._say('coverage')} {coverage}）")
        else:
            yield from self._lines(f"{said} ({coverage} {self._say('coverage')})")
        bundle = f"{self._say('bundle')} {facts.bundle_id[:16]}"
        yield _apart(f"{self._say('model')} {facts.model}", bundle)
        yield from self._lines(self._in(facts.disclaimer))

    def _reason(self, row: ReasonRow, largest: int) -> Iterator[str]:
        title = f"{row.code} {self._in(row.title)}"
        yield self._row(title, f"{row.points:+d}", bar(row.points, largest, _HALF))
        for fact in row.facts:
            yield from self._lines(self._in(fact), indent=5)

    def _row(self, label: str, points: str, drawn: str = "") -> str:
        drawn = drawn or " " * _HALF + "│" + " " * _HALF
        return f" {padded(label, _LABEL)}{drawn} {points:>{_POINTS}}"

    def _interval(self) -> str:
        rate = self.facts.rate
        if rate is None or rate.low is None or rate.high is None:
            return self._say("no_interval")
        is_capped = self.facts.grade != self.facts.model_grade
        which = self._say("model_grade" if is_capped else "this_grade")
        return self._say("interval").format(
            which=which.format(grade=self.facts.model_grade),
            level=f"{self.facts.interval_level:.0%}".replace("%", " %"),
            low=_percent(rate.low),
            high=_percent(rate.high),
            n=rate.n,
            d=rate.defaults,
        )

    def _lines(self, text: str, indent: int = 1, hanging: int = 0) -> Iterator[str]:
        first, *more = wrapped(text, WIDTH - indent - hanging - 1)
        yield " " * indent + first
        for line in more:
            yield " " * (indent + hanging) + line

    def _say(self, key: str) -> str:
        return self._in(_WORDS[key])

    def _in(self, words: Words) -> str:
        return words.zh if self.language == "zh" else words.en


def _apart(left: str, right: str) -> str:
    """One text at each margin; a second line where both do not fit."""
    gap = WIDTH - 2 - width_of(left) - width_of(right)
    return f" {left}{' ' * gap}{right}" if gap > 0 else f" {left}\n {right}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
