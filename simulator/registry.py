"""The register: basic data, changes, shareholders, officers, status, annual reports."""

from dataclasses import replace

import numpy as np

from simulator.activity import Activity
from simulator.arrays import Codes, Column, Days, Ints, Text, always, picked, serials, yuan
from simulator.firms import NEVER, Firms
from simulator.happenings import adverse, days_of, neutral
from simulator.holders import key_persons, opening, shareholders
from simulator.latent import Fate
from simulator.people import id_numbers, person_names
from simulator.rows import Rows, closed, lagged
from simulator.streams import Streams
from simulator.ties import Ties
from simulator.world import World

_CHANGES = ("address", "scope", "shareholder", "capital_up", "capital_down", "name")
_ENTITY = ("company", "individual", "coop", "sole_prop")
_TYPE_CODE = ("1130", "9500", "9600", "4530")


def firm_names(world: World, streams: Streams, firms: Firms) -> Text:
    """Names that say the industry and the kind; two firms may share one, as in life."""
    rng = streams.named("names")
    w = world.words
    picks = [rng.integers(0, len(w.stems), len(firms)) for _ in range(3)]
    place = rng.integers(0, len(w.places), len(firms))
    words = [w.industries[key].word for key in firms.industry_keys]
    suffix = ("有限公司", "店", "专业合作社", "中心")
    names = [
        f"{w.places[p]}{w.stems[a]}{w.stems[b]}{w.stems[c]}{words[i]}{suffix[e]}"
        for p, a, b, c, i, e in zip(
            place.tolist(), *(pick.tolist() for pick in picks),
            firms.industry.tolist(), firms.entity.tolist(), strict=True,
        )
    ]  # fmt: skip
    return Text(np.arange(len(firms)), names)


def register_rows(
    world: World,
    streams: Streams,
    firms: Firms,
    ties: Ties,
    fate: Fate,
    activity: Activity,
    names: Text,
) -> list[Rows]:
    """Basic data (again when a firm leaves), and all that is entered on the register."""
    rng = streams.named("registry")
    people = person_names(rng, world.words, len(firms)), id_numbers(rng, len(firms))
    rows = _basic(world, rng, firms, ties, names, people)
    rows += _changes(world, rng, fate)
    rows += [shareholders(world, rng, firms, ties, people), key_persons(world, rng, firms)]
    rows += [_status_events(world, rng, firms, fate)]
    return rows + _reports(world, rng, firms, fate, activity)


def _basic(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    ties: Ties,
    names: Text,
    people: tuple[Text, Codes],
) -> list[Rows]:
    w, n = world.words, len(firms)
    first = world.calendar.start(firms.born) + rng.integers(0, 28, n)
    codes = [w.industries[key].codes for key in firms.industry_keys]
    flat = [code for group in codes for code in group]
    starts = np.cumsum([0, *map(len, codes)])[firms.industry]
    lengths = np.array([len(group) for group in codes])[firms.industry]
    columns: dict[str, Column] = {
        "name": names,
        "entity_type": Text(firms.entity, _ENTITY),
        "ent_type_code": Text(firms.entity, _TYPE_CODE),
        "legal_rep_name": people[0].take(ties.represents),
        "legal_rep_id_no": people[1][ties.represents],
        "reg_capital": yuan(firms.capital),
        "paid_in_capital": yuan(np.round(firms.capital * firms.paid_in, -3)),
        "established_on": first,
        "approved_on": first,
        "reg_authority": always("市市场监督管理局", n),
        "reg_status": always("1", n),
        "region_code": Text(firms.region, list(w.regions)),
        "address": Text(firms.region, [f"{name}" for name in w.regions.values()]),
        "industry_code": Text(starts + firms.industry_code % lengths, flat),
        "insured_count": firms.heads,
    }
    # The platform's first delivery holds the register as it stood before the city's first month.
    told = np.maximum(lagged(rng, first, 1, 3), opening(world, n))
    opened = Rows("reg_basic", np.arange(n), first, told, columns)
    dead = np.flatnonzero(firms.dies < world.calendar.months)
    day = world.calendar.end(firms.dies[dead])
    gone = opened.take(dead).with_columns(
        reg_status=Text(rng.integers(0, 5, len(dead)) // 4, ["4", "3"]), approved_on=day
    )
    return [opened, replace(gone, event=day, delivered=lagged(rng, day, 1, 3), version=1)]


def _changes(world: World, rng: np.random.Generator, fate: Fate) -> list[Rows]:
    e = world.parameters.events
    legal, legal_day = days_of(
        world, rng, adverse(world, fate, e.legal_rep_change, before_default=2.0)
    )
    other, other_day = days_of(world, rng, neutral(fate, e.other_change))
    item = np.append(np.zeros(len(legal), np.int64), 1 + rng.integers(0, len(_CHANGES), len(other)))
    firm, day = np.append(legal, other), np.append(legal_day, other_day)
    columns: dict[str, Column] = {
        "record_id": serials(rng, "RC", len(firm)),
        "change_item": Text(item, ["legal_rep", *_CHANGES]),
        "changed_on": day,
    }
    return [Rows("reg_change", firm, day, lagged(rng, day, 1, 3), columns)]


def _status_events(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> Rows:
    dead = np.flatnonzero(firms.dies < world.calendar.months)
    revoked = rng.random(len(dead)) < np.where(fate.defaults[dead] < NEVER, 0.4, 0.15)
    day = world.calendar.end(firms.dies[dead])
    columns: dict[str, Column] = {
        "record_id": serials(rng, "ST", len(dead)),
        "event": Text(revoked.astype(np.int64), ["cancel", "revoke"]),
        "decided_on": day,
    }
    return Rows("reg_status_event", dead, day, lagged(rng, day, 1, 3), columns)


def _reports(
    world: World, rng: np.random.Generator, firms: Firms, fate: Fate, activity: Activity
) -> list[Rows]:
    """Annual reports from January to June of the next year; the late ones are listed in July."""
    reports: list[Rows] = []
    calendar = world.calendar
    first_june = (5 - int(calendar.month_of_year()[0])) % 12
    for june in range(first_june, calendar.months, 12):
        last = june - 6
        firm = np.flatnonzero((firms.born <= last) & (firms.dies > june))
        reports += _one_year(world, rng, firms, fate, activity, firm, june)
    return reports


def _one_year(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    firm: Ints,
    june: int,
) -> list[Rows]:
    calendar, n = world.calendar, len(firm)
    late = world.parameters.events.report_late * np.exp(-0.2 * firms.quality[firm])
    is_late = rng.random(n) < late
    due = calendar.end(np.array([june]))[0]
    filed = due - rng.integers(0, 180, n)
    filed = np.where(is_late, due + rng.integers(40, 330, n), filed)
    year = int(calendar.year(np.array([june]))[0]) - 1
    window = slice(max(0, june - 17), max(1, june - 5))
    columns: dict[str, Column] = {
        "report_year": np.full(n, year),
        "filed_on": filed,
        "employees": np.round(activity.heads[firm, window].mean(axis=1)).astype(np.int64),
        "figures_public": np.zeros(n, np.bool_),
    }
    public = Rows("reg_annual_report", firm, filed, lagged(rng, filed, 1, 2), columns)
    figures = _figures(world, rng, firms, fate, activity, firm, window)
    figures |= {"report_year": columns["report_year"], "filed_on": filed}
    rows = [
        public,
        Rows("annual_figures", firm, filed, public.delivered, figures, "registration_detail"),
    ]
    listed = np.flatnonzero(is_late)
    return [*rows, *_listed_for_no_report(world, rng, firm[listed], due, filed[listed])]


def _figures(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    firm: Ints,
    window: slice,
) -> dict[str, Column]:
    months = activity.revenue[firm, window]
    revenue = (
        12 * months.mean(axis=1).astype(np.float64) * np.exp(0.08 * rng.normal(size=len(firm)))
    )
    assets = revenue * np.exp(-0.2 + 0.5 * rng.normal(size=len(firm)))
    debt = fate.debt[firm] + 0.02 * fate.stress[firm, window].mean(axis=1)
    liabilities = assets * np.clip(debt + 0.05 * rng.normal(size=len(firm)), 0.02, 1.5)
    shows = world.parameters.signals
    margin = shows.margin + shows.margin_by_quality * firms.quality[firm]
    margin = margin + shows.margin_by_stress * fate.stress[firm, window].mean(axis=1)
    margin = margin + shows.margin_sigma * rng.normal(size=len(firm))
    profit = revenue * margin
    return {
        "assets": yuan(assets),
        "liabilities": yuan(liabilities),
        "equity": yuan(assets - liabilities),
        "revenue": yuan(revenue),
        "main_revenue": yuan(0.97 * revenue),
        "profit": yuan(profit),
        "net_profit": yuan(np.where(profit > 0, 0.9 * profit, profit)),
        "tax_total": yuan(0.03 * revenue),
        "ext_guarantee": yuan(
            np.where(
                rng.random(len(firm)) < world.parameters.details.guarantees_given, 0.3 * assets, 0
            )
        ),
    }


def _listed_for_no_report(
    world: World, rng: np.random.Generator, firm: Ints, due: np.datetime64, filed: Days
) -> list[Rows]:
    """Two of three of those that did not report are listed in July and come off once they do."""
    chosen = rng.random(len(firm)) < world.parameters.details.listed_for_no_report
    firm, filed = firm[chosen], filed[chosen]
    day = due + rng.integers(1, 31, len(firm))
    columns: dict[str, Column] = {
        "record_id": serials(rng, "AB", len(firm)),
        "reason": always("no_annual_report", len(firm)),
        "listed_on": day,
        "authority": picked(rng, world.words.authorities[:1], len(firm)),
    }
    off = np.where(
        rng.random(len(firm)) < world.parameters.details.reported_later,
        filed + rng.integers(1, 20, len(firm)),
        np.datetime64("NaT"),
    )
    off = np.where(np.isnat(off), off, np.maximum(off, day + 5))
    return closed(
        rng, Rows("abnormal_list", firm, day, lagged(rng, day, 1, 3), columns), "removed_on", off
    )
