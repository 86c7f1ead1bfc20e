"""One firm and every product: what it may have, on what terms, and what stands between it and the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from rich.table import Table

from features.contracts import load_catalogue
from features.declared import self_scope
from features.errors import UnknownEnterpriseError
from features.firm_segments import SEGMENT_DATASETS, add_segments, segment_of
from features.snapshot import open_snapshot
from models.matching.explaining import Explanation, Teller, too_small
from models.matching.facts import load_facts
from models.matching.inputs import datasets_of, read_columns
from models.matching.meanings import Meanings
from models.matching.offering import Offering, Rated
from models.night.firms import FirmBlock
from models.products.base import GRADE
from models.products.terms import OfferTerms
from models.scale import load_scale
from models.watching.setting import COLUMNS
from xinqiao.console import out, say, show, word
from xinqiao.night import NightDesk

#: Products that are one condition away are told so far.
MOST_NEAR = 20


@dataclass(frozen=True, eq=False)
class FirmMatches:
    """Places of products in the shelf, and what is known of each for one firm.

    Attributes
    ----------
    fits : list of int
        Everything on record holds, best first.
    left : dict of int to tuple of Explanation
        What the firm or the lender is still to be asked.
    near : dict of int to tuple of Explanation
        Exactly one condition fails, or all hold and the limit works out at 0; and what it would take.
    undecided : int
        Products of which records say too little.
    """

    uscc: str
    day: date
    grade: str | None
    offering: Offering
    offers: OfferTerms
    fits: Sequence[int]
    left: dict[int, tuple[Explanation, ...]]
    near: dict[int, tuple[Explanation, ...]]
    undecided: int

    def document(self) -> dict[str, object]:
        """For a machine; amounts in yuan, rates in percent a year, terms in months."""
        return {
            "uscc": self.uscc,
            "as_of": self.day,
            "grade": self.grade,
            "fits": [self._product(place) for place in self.fits],
            "near": [
                {**self._named(place), "missing": [word(one.words) for one in why]}
                for place, why in self.near.items()
            ],
            "undecided": self.undecided,
        }

    def _named(self, place: int) -> dict[str, object]:
        entry, _ = self.offering.shelf.products[place]
        return {"product": entry.code, "name": word(entry.name), "lender": word(entry.lender)}

    def _product(self, place: int) -> dict[str, object]:
        terms = {
            name: _number(getattr(self.offers, name)[place])
            for name in ("limit_cny", "limit_at_most_cny", "rate_percent", "rate_least_percent",
                         "rate_most_percent", "term_months", "fee_percent")
        }  # fmt: skip
        return {
            **self._named(place),
            **terms,
            "is_illustrative": self.offering.shelf.products[place][1].evidence == "P",
            "to_ask": [word(one.words) for one in self.left[place]],
        }


def match_one(desk: NightDesk, name: str) -> FirmMatches:
    """Match one firm by everything that is held about it.

    Raises
    ------
    UnknownEnterpriseError
        If it is on no register by the day.
    """
    firm, catalogue = desk.lake.find_enterprise(name), load_catalogue()
    offering = desk.offering
    names = [*offering.names, *(desk.raters.names if desk.raters else ()), *offering.terms.names]
    with open_snapshot(
        desk.lake, catalogue, desk.day, self_scope(catalogue, desk.now.date()), now=desk.now,
        enterprises=[firm.key], datasets=datasets_of(names) | SEGMENT_DATASETS,
    ) as snapshot:  # fmt: skip
        found = read_columns(snapshot, names)
        register = snapshot.connection.sql("SELECT uscc FROM enterprise").to_arrow_table()
        kinds = add_segments(register, snapshot)
    if not found.usccs:
        raise UnknownEnterpriseError(
            en=f"'{name}' was on no register by {desk.day}. Deliver its registration (reg_basic) or match at a "
            "later date.",
            zh=f"截至 {desk.day}，登记信息中没有“{name}”；请提供登记数据或选择更晚的截止日。",
        )
    segments = {
        part: np.array(segment_of(kinds, part), dtype=np.str_)
        for part in ("size_class", "industry_section")
    }
    rated, grade = Rated.unknown(1), None
    if desk.raters is not None:
        table, rated = desk.raters.rate(FirmBlock(found.usccs, found.columns, segments), desk.day)
        grade = table["grade"][0].as_py()
    marks = desk.ledger.claims.among(found.usccs, desk.day)
    seen = offering.seen(found.columns, rated, marks)
    values = found.row(0) | {name: _plain(column[0]) for name, column in seen.items()}
    return _judged(desk, firm.uscc, grade, values, seen)


def _judged(
    desk: NightDesk,
    uscc: str,
    grade: str | None,
    values: dict[str, float | str | None],
    seen: dict[
        str,
        np.ndarray[tuple[int], np.dtype[np.float64]] | np.ndarray[tuple[int], np.dtype[np.str_]],
    ],
) -> FirmMatches:
    offering = desk.offering
    matcher, is_left = offering.shelf.matcher, offering.everyone.is_left
    row = matcher.conditions.matrix({name: seen[name] for name in matcher.conditions.names})[0]
    states = matcher.conditions.ask(row[np.newaxis])[0]
    verdicts = matcher.judged(states)
    teller = Teller.of(matcher.conditions, _meanings(offering))
    missing = {rule: matcher.missing(rule, states) for rule in range(len(matcher))}
    rank = values[GRADE]
    order = offering.everyone.order[-1 if rank is None else int(float(rank)) - 1].tolist()
    offers = offering.terms.offers(values)
    open_ = {rule for rule in order if not missing[rule].failed}
    held = [r for r in order if r in open_ and is_left[list(missing[r].unknown)].all()]
    fits = [rule for rule in held if offers.may_lend[rule]]
    small = [rule for rule in held if not offers.may_lend[rule]]
    near = [*small, *(rule for rule in order if verdicts.failed[rule] == 1)][:MOST_NEAR]

    def told(rule: int) -> tuple[Explanation, ...]:
        found = teller.tell_all(missing[rule], row, may_see_values=True)
        _, version = offering.shelf.products[rule]
        return found if offers.may_lend[rule] else (*found, too_small(version))

    return FirmMatches(
        uscc, desk.day, grade, offering, offers, fits,
        {rule: told(rule) for rule in fits}, {rule: told(rule) for rule in near},
        len(open_) - len(held),
    )  # fmt: skip


def _meanings(offering: Offering) -> Meanings:
    return Meanings.of(
        COLUMNS,
        load_facts(),
        # What only the firm itself or the platform may see is no name that rules use.
        [tag.entry for tag in offering.tags.tags if tag.name in offering.tags.vocabulary.terms],
        offering.tags.vocabulary,
        catalogue=load_catalogue(),
        scale=load_scale(),
    )


def print_one(found: FirmMatches) -> None:
    """A table of products with terms, then what the near ones lack."""
    grade = found.grade or say("无评级", "no rating")
    show(
        f"{found.uscc}，截至 {found.day}，等级 {grade}：记录全部符合的产品 {len(found.fits)} 个，数据不足 {found.undecided} 个",
        f"{found.uscc} as of {found.day}, grade {grade}: {len(found.fits)} products fit, {found.undecided} need more data",
    )
    table = Table(title=say("可申请产品", "Products"), title_justify="left")
    for words in (("产品", "product"), ("额度 万元", "limit, 10k yuan"), ("年利率 %", "rate %"), ("期限 月", "months"), ("还需说明", "to say")):  # fmt: skip
        table.add_column(say(*words))
    for place in found.fits:
        entry, version = found.offering.shelf.products[place]
        mark = say("（示例参数）", " (illustrative)") if version.evidence == "P" else ""
        table.add_row(
            f"{entry.code} {word(entry.name)}{mark}",
            _limit(found.offers, place),
            _rate(found.offers, place),
            f"{found.offers.term_months[place]:.0f}",
            say("；", "; ").join(word(one.words) for one in found.left[place]),
        )
    out.print(table)
    for place, why in found.near.items():
        entry, _ = found.offering.shelf.products[place]
        lacks = [_told(one) for one in why if one.is_failed]
        zh, en = "；".join(lacks), "; ".join(lacks)
        if len(lacks) == 1:
            show(f"只差一项：{entry.code} {entry.name.zh}：{zh}", f"One short: {entry.code} {entry.name.en}: {en}")  # fmt: skip
        else:
            show(f"差 {len(lacks)} 项：{entry.code} {entry.name.zh}：{zh}", f"{len(lacks)} short: {entry.code} {entry.name.en}: {en}")  # fmt: skip


def _told(one: Explanation) -> str:
    short = next((ask.short for ask in one.asks if ask.short is not None), None)
    return word(one.words) if short is None else f"{word(one.words)} ({word(short)})"


def _limit(offers: OfferTerms, place: int) -> str:
    known, ceiling = offers.limit_cny[place], offers.limit_at_most_cny[place]
    if not np.isnan(known):
        return f"{known / 1e4:,.1f}"
    return "–" if np.isnan(ceiling) else f"≤ {ceiling / 1e4:,.1f}"


def _rate(offers: OfferTerms, place: int) -> str:
    known = offers.rate_percent[place]
    if not np.isnan(known):
        return f"{known:.2f}"
    ends = (offers.rate_least_percent[place], offers.rate_most_percent[place])
    return "–" if np.isnan(ends).any() else f"{ends[0]:.2f}–{ends[1]:.2f}"


def _plain(value: object) -> float | str | None:
    return (str(value) or None) if isinstance(value, str) else _number(value)


def _number(value: object) -> float | None:
    number = float(np.asarray(value))
    return None if np.isnan(number) else number
