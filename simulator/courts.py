"""The courts: judgments, debtors under enforcement, the dishonest, restrictions, freezes, pledges."""

import numpy as np

from simulator.arrays import Column, Days, Ints, Text, always, picked, serials, yuan
from simulator.firms import NEVER, Firms
from simulator.happenings import adverse, days_of, ends, neutral
from simulator.latent import Fate
from simulator.rows import Rows, closed, lagged
from simulator.streams import Streams
from simulator.world import World

_ROLES = ("defendant", "plaintiff")


def court_rows(world: World, streams: Streams, firms: Firms, fate: Fate, owes: Ints) -> list[Rows]:
    """Everything a court, or a pledge register, delivers.

    Parameters
    ----------
    owes : ndarray of int64, shape (n,)
        Month of a loan's default, `NEVER` without one: the bank goes to court afterwards.
    """
    rng = streams.named("courts")
    rows = [_judgments(world, rng, fate)]
    rows += _enforcement(world, rng, fate, owes)
    rows += _freezes(world, rng, firms, fate)
    rows += _pledges(world, rng, firms, fate)
    rows += _mortgages(world, rng, firms, fate)
    rows += _seizures(world, rng, fate)
    return [*rows, _bankruptcies(world, rng, fate)]


def _judgments(world: World, rng: np.random.Generator, fate: Fate) -> Rows:
    """A judgment is known when it is published, weeks after it was given."""
    e = world.parameters.events
    sued, sued_on = days_of(
        world, rng, adverse(world, fate, e.defendant, before_default=e.suits_before_default)
    )
    sues, sues_on = days_of(world, rng, neutral(fate, e.plaintiff))
    firm, day = np.append(sued, sues), np.append(sued_on, sues_on)
    role = np.append(np.zeros(len(sued), np.int64), np.ones(len(sues), np.int64))
    published = day + rng.integers(15, 90, len(firm))
    amount = np.exp(np.log(80_000) + 1.2 * rng.normal(size=len(firm)))
    # -1 stands for "not stated" in the courts' export.
    amount = np.where(
        rng.random(len(firm)) < world.parameters.details.amount_not_stated, -1.0, amount
    )
    columns: dict[str, Column] = {
        "case_no": serials(rng, "CJ", len(firm)),
        "case_type": always("民事", len(firm)),
        "doc_type": always("判决书", len(firm)),
        "court": picked(rng, world.words.courts, len(firm)),
        "judged_on": day,
        "cause": picked(rng, world.words.causes, len(firm)),
        "published_on": published,
        "party_role": Text(role, _ROLES),
        "amount": yuan(amount),
    }
    return Rows("court_judgment", firm, day, lagged(rng, published, 1, 5), columns)


def _enforcement(world: World, rng: np.random.Generator, fate: Fate, owes: Ints) -> list[Rows]:
    """Debtors under enforcement; some of them dishonest three months later, and restricted.

    Those that default on a loan follow 60-240 days after it: a trap for labels that leak.
    """
    e = world.parameters.events
    firm, day = days_of(
        world, rng,
        adverse(world, fate, e.judgment_debtor, before_default=e.judgment_before_default),
    )  # fmt: skip
    low, high = e.after_default_days
    bad = np.flatnonzero(owes < NEVER)
    bad = bad[rng.random(len(bad)) < e.after_default]
    after = world.calendar.end(owes[bad]) + rng.integers(low, high + 1, len(bad))
    firm, day = np.append(firm, bad), np.append(day, after)
    case = serials(rng, "JD", len(firm))
    closes = ends(rng, day, 0.45, 300)
    columns: dict[str, Column] = {
        "case_no": case,
        "filed_on": day,
        "court": picked(rng, world.words.courts, len(firm)),
        "target_amount": yuan(np.exp(np.log(120_000) + 1.1 * rng.normal(size=len(firm)))),
    }
    debtors = Rows("judgment_debtor", firm, day, lagged(rng, day, 3, 7), columns)
    dishonest = np.flatnonzero(rng.random(len(firm)) < e.dishonest)
    named = day[dishonest] + rng.integers(75, 110, len(dishonest))
    removed = np.where(
        np.isnat(closes[dishonest]), np.datetime64("NaT"), np.maximum(closes[dishonest], named) + 5
    )
    return [
        *closed(rng, debtors, "closed_on", closes),
        *_dishonest(world, rng, debtors.take(dishonest), named, removed),
        *_restricted(rng, debtors.take(dishonest), named, removed),
    ]


def _dishonest(
    world: World, rng: np.random.Generator, debtors: Rows, named: Days, removed: Days
) -> list[Rows]:
    columns: dict[str, Column] = {
        "case_no": debtors.columns["case_no"],
        "filed_on": debtors.event,
        "published_on": named,
        "court": picked(rng, world.words.courts, len(debtors)),
        "performance": picked(rng, ["none", "none", "part"], len(debtors)),
        "behaviour": picked(rng, ["1", "3", "4", "6"], len(debtors)),
    }
    rows = Rows("dishonest_debtor", debtors.firm, named, lagged(rng, named, 1, 4), columns)
    return closed(rng, rows, "removed_on", removed)


def _restricted(rng: np.random.Generator, debtors: Rows, named: Days, removed: Days) -> list[Rows]:
    columns: dict[str, Column] = {
        "case_no": debtors.columns["case_no"],
        "ordered_on": named,
        "subject": always("enterprise", len(debtors)),
    }
    rows = Rows("consumption_restriction", debtors.firm, named, lagged(rng, named, 2, 6), columns)
    return closed(rng, rows, "lifted_on", removed)


def _freezes(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    rate = adverse(world, fate, world.parameters.events.equity_freeze, before_default=6.0)
    firm, day = days_of(world, rng, rate)
    columns: dict[str, Column] = {
        "doc_no": serials(rng, "EF", len(firm)),
        "frozen_on": day,
        "until": day + 3 * 365,
        "amount": yuan(firms.capital[firm] * rng.uniform(0.05, 0.6, len(firm))),
    }
    rows = Rows("equity_freeze", firm, day, lagged(rng, day, 2, 6), columns)
    return closed(rng, rows, "released_on", ends(rng, day, 0.4, 400))


def _pledges(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    rate = neutral(fate, world.parameters.events.equity_pledge * (firms.entity == 0))
    firm, day = days_of(world, rng, rate)
    ratio = np.round(rng.uniform(0.05, 0.9, len(firm)), 4)
    columns: dict[str, Column] = {
        "record_id": serials(rng, "EP", len(firm)),
        "pledged_shares": yuan(firms.capital[firm] * ratio),
        "ratio": ratio,
        "pledgee": picked(rng, world.words.lenders, len(firm)),
        "registered_on": day,
    }
    rows = Rows("equity_pledge", firm, day, lagged(rng, day, 3, 6), columns)
    return closed(rng, rows, "cancelled_on", ends(rng, day, 0.7, 500))


def _mortgages(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    e = world.parameters.events
    yearly = np.where(firms.of("C"), e.chattel_mortgage_c, e.chattel_mortgage)
    firm, day = days_of(world, rng, neutral(fate, yearly))
    columns: dict[str, Column] = {
        "record_id": serials(rng, "CH", len(firm)),
        "role": always("mortgagor", len(firm)),
        "secured_amount": yuan(firms.revenue[firm] * rng.uniform(0.05, 0.4, len(firm))),
        "creditor": picked(rng, world.words.lenders, len(firm)),
        "registered_on": day,
        "collateral": always("机器设备", len(firm)),
    }
    rows = Rows("chattel_mortgage", firm, day, lagged(rng, day, 3, 6), columns)
    return closed(rng, rows, "cancelled_on", ends(rng, day, 0.7, 500))


def _seizures(world: World, rng: np.random.Generator, fate: Fate) -> list[Rows]:
    rate = adverse(world, fate, world.parameters.events.realestate_seizure, before_default=8.0)
    firm, day = days_of(world, rng, rate)
    columns: dict[str, Column] = {
        "doc_no": serials(rng, "RS", len(firm)),
        "unit_no": serials(rng, "RU", len(firm)),
        "seized_on": day,
        "court": picked(rng, world.words.courts, len(firm)),
    }
    rows = Rows("realestate_seizure", firm, day, lagged(rng, day, 1, 4), columns, "realestate")
    return closed(rng, rows, "released_on", ends(rng, day, 0.5, 300))


def _bankruptcies(world: World, rng: np.random.Generator, fate: Fate) -> Rows:
    rate = adverse(world, fate, world.parameters.events.bankruptcy, before_default=15.0)
    firm, day = days_of(world, rng, rate)
    columns: dict[str, Column] = {
        "case_no": serials(rng, "BK", len(firm)),
        "kind": always("accept", len(firm)),
        "event_on": day,
        "court": always(world.words.courts[0], len(firm)),
    }
    return Rows("bankruptcy_case", firm, day, lagged(rng, day, 4, 9), columns)
