"""The tax office: monthly filings, yearly grades, arrears, firms it cannot find."""

import numpy as np

from simulator.activity import Activity, in_months
from simulator.arrays import Column, Floats, Ints, Text, always, picked, serials, yuan
from simulator.consents import Consents
from simulator.firms import Firms
from simulator.happenings import adverse, days_of, ends
from simulator.latent import Fate
from simulator.rows import Rows, closed, lagged
from simulator.streams import Streams
from simulator.world import World

_GRADES = ("A", "B", "M", "C", "D")
_DUE_DAY = 15
_QUARTER = 3
_APRIL = 3
#: Grades of a year published from this year on follow the scheme of 2025.
_NEW_SCHEME = 2026


def tax_rows(
    world: World,
    streams: Streams,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    consents: Consents,
) -> list[Rows]:
    """Filings and grades under consent; arrears and non-normal firms in public."""
    rng = streams.named("taxes")
    rows = [_filings(world, rng, firms, fate, activity, consents)]
    rows += _grades(world, rng, firms, fate)
    rows += _arrears(world, rng, firms, fate)
    return [*rows, *_nonnormal(world, rng, fate), *_major(world, rng, firms, fate)]


def _filings(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    consents: Consents,
) -> Rows:
    p, calendar = world.parameters.activity, world.calendar
    shows = world.parameters.signals
    firm, month = in_months(consents.opens["tax"], fate.alive)
    n = len(firm)
    zero = (rng.random(n) < p.zero_filing) | ~activity.is_open[firm, month]
    sales = np.where(zero, 0, activity.revenue[firm, month] * rng.uniform(0.9, 1.0, n))
    burden = np.clip(0.022 + 0.008 * rng.normal(size=len(firms)), 0.004, 0.06)
    payable = sales * burden[firm]
    factor = np.where(fate.near_default()[firm, month], 3.0, 1.0)
    late_chance = p.filing_late * factor * np.exp(shows.filing * fate.risk[firm, month])
    is_late = rng.random(n) < late_chance
    due = calendar.start(month + 1) + _DUE_DAY - 1
    filed = due + np.where(is_late, 1 + rng.geometric(0.06, n), -rng.integers(0, 11, n))
    unpaid = is_late & (rng.random(n) < world.parameters.details.unpaid_when_late)
    is_quarter = calendar.month_of_year()[month] % _QUARTER == _QUARTER - 1
    profit = 3 * sales * (shows.margin + shows.margin_by_quality * firms.quality[firm])
    columns: dict[str, Column] = {
        "month": calendar.code(month),
        "vat_sales": yuan(sales),
        "vat_payable": yuan(payable),
        "vat_paid": yuan(np.where(unpaid, 0, payable)),
        "cit_revenue": yuan(np.where(is_quarter, 3 * sales, np.nan)),
        "cit_profit": yuan(np.where(is_quarter, profit, np.nan)),
        "cit_paid": yuan(np.where(is_quarter, 0.05 * np.maximum(0, profit), np.nan)),
        "pit_withheld": yuan(activity.heads[firm, month] * 45.0),
        "zero_filing": sales == 0,
        "filed_on": filed,
        "due_on": due,
        "late_days": np.maximum(0, (filed - due).astype(np.int64)),
    }
    # A late filing is seen when it is made; until then its row is missing.
    told = np.maximum(lagged(rng, filed, 1, 3), lagged(rng, due, 2, 6))
    return Rows("tax_filing_month", firm, calendar.end(month), told, columns, "tax")


def _grades(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    """Grade of a year, published in April of the next; young firms get M."""
    rows: list[Rows] = []
    calendar = world.calendar
    first_april = (_APRIL - int(calendar.month_of_year()[0])) % 12
    steady = rng.normal(size=len(firms))
    for april in range(first_april, calendar.months, 12):
        firm = np.flatnonzero(fate.alive[:, april] & (firms.born < april - _APRIL))
        rows += _grades_of(world, rng, firms, fate, firm, april, steady[firm])
    return rows


def _grades_of(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    firm: Ints,
    april: int,
    steady: Floats,
) -> list[Rows]:
    shares = world.parameters.events.tax_grades
    shows = world.parameters.signals
    noise = shows.grade_steady_sigma * steady
    noise = noise + shows.grade_yearly_sigma * rng.normal(size=len(firm))
    merit = (
        firms.quality[firm] + shows.grade_by_stress * fate.stress[firm, max(0, april - 6)] + noise
    )
    # M is for the young; the others share the remaining grades by merit.
    by_youth = np.argsort(-(firms.born[firm] + 24 * rng.normal(size=len(firm))))
    is_new = np.zeros(len(firm), np.bool_)
    is_new[by_youth[: int(shares["M"] * len(firm))]] = True
    bounds = np.cumsum([shares[grade] for grade in ("D", "C", "B", "A")])
    old = merit[~is_new]
    rank = np.argsort(np.argsort(old)) / max(1, len(old)) * bounds[-1]
    grade = np.full(len(firm), _GRADES.index("M"))
    grade[~is_new] = np.array([4, 3, 1, 0])[
        np.minimum(3, np.searchsorted(bounds, rank, side="right"))
    ]
    score = np.round(
        np.clip(np.array([93, 80, 78, 55, 30])[grade] + 4 * rng.normal(size=len(firm)), 0, 100), 1
    )
    year = int(world.calendar.year(np.array([april]))[0]) - 1
    published = world.calendar.day_in(rng, np.full(len(firm), april))
    scheme = "2025-12" if year + 1 >= _NEW_SCHEME else "2014-40"
    told = lagged(rng, published, 1, 10)
    columns: dict[str, Column] = {
        "rating_year": np.full(len(firm), year),
        "grade": Text(grade, _GRADES),
        "score": score,
        "published_on": published,
        "scheme_version": always(scheme, len(firm)),
    }
    rated = Rows("tax_credit_rating", firm, published, told, columns, "tax")
    public = Rows("tax_credit_a_list", firm, published, told, {
        name: columns[name] for name in ("rating_year", "published_on", "scheme_version")
    }).take(grade == 0)  # fmt: skip
    return [rated, public]


def _arrears(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    rate = adverse(world, fate, world.parameters.events.tax_arrears, before_default=5.0)
    firm, day = days_of(world, rng, rate)
    columns: dict[str, Column] = {
        "record_id": serials(rng, "TA", len(firm)),
        "tax_kind": picked(rng, ["增值税", "企业所得税", "城镇土地使用税"], len(firm)),
        "arrears": yuan(firms.revenue[firm] * 0.01 * np.exp(rng.normal(size=len(firm)))),
        "notice_on": day,
    }
    rows = Rows("tax_arrears_notice", firm, day, lagged(rng, day, 10, 30), columns)
    return closed(rng, rows, "cleared_on", ends(rng, day, 0.6, 150), lag_days=20)


def _nonnormal(world: World, rng: np.random.Generator, fate: Fate) -> list[Rows]:
    rate = adverse(world, fate, world.parameters.events.tax_nonnormal, before_default=4.0)
    firm, day = days_of(world, rng, rate)
    columns: dict[str, Column] = {
        "record_id": serials(rng, "TN", len(firm)),
        "declared_on": day,
    }
    rows = Rows("tax_nonnormal", firm, day, lagged(rng, day, 5, 15), columns)
    return closed(rng, rows, "lifted_on", ends(rng, day, 0.5, 120), lag_days=10)


def _major(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    """Serious violations, taken down when their time is over."""
    e = world.parameters.events
    firm, day = days_of(world, rng, adverse(world, fate, e.tax_major, before_default=4.0))
    columns: dict[str, Column] = {
        "record_id": serials(rng, "TV", len(firm)),
        "kind": picked(rng, ["evasion", "false_invoice", "lost_contact"], len(firm)),
        "amount": yuan(firms.revenue[firm] * 0.3 * np.exp(rng.normal(size=len(firm)))),
        "published_on": day,
    }
    rows = Rows("tax_major_violation", firm, day, lagged(rng, day, 5, 30), columns)
    return closed(rng, rows, "removed_on", day + 365 * e.tax_major_public_years, lag_days=20)
