"""Random small worlds: firms of very different habits."""

import random
from collections.abc import Mapping
from datetime import date, timedelta

from tests.builders import LONG_AGO, TinyLake, invoice, invoice_month, registered
from tests.oracle.invoice_features import Invoice, Month

FIRMS = range(1, 41)
World = Mapping[int, tuple[list[Invoice], list[Month]]]


def world_of(rng: random.Random, as_of: date) -> World:
    """Firms of very different habits: many or no rows, one side only, reds, voids, dust and giants."""
    return {key: (_invoices(rng, as_of), _months(rng, as_of)) for key in FIRMS}


def _invoices(rng: random.Random, as_of: date) -> list[Invoice]:
    count = rng.choice([0, 1, 2, 5, 20, 60])
    sides = rng.choice([(True,), (False,), (True, False)])
    reach = rng.choice([40, 200, 400, 800, 1200])
    parties = rng.choice([1, 2, 7])
    scale = rng.choice([1, 10_000, 10**13])
    red_share = rng.choice([0, 0, 0.1, 0.5])
    edges = [as_of, as_of + timedelta(days=1), date(2019, 2, 28), date(2019, 5, 31)]
    invoices: list[Invoice] = []
    for _ in range(count):
        day = as_of - timedelta(days=rng.randrange(-5, reach))
        if rng.random() < 0.1:
            day = rng.choice(edges)
        fen = rng.randrange(0, 1000) * scale + rng.randrange(100)
        fen = -fen if rng.random() < red_share else fen
        tax = round(fen * rng.choice([0, 0.005, 0.01, 0.03, 0.06, 0.13]))
        is_valid = rng.random() > 0.15
        invoices.append(
            Invoice(rng.choice(sides), is_valid, day, 1000 + rng.randrange(parties), fen, tax)
        )
    return invoices


def _months(rng: random.Random, as_of: date) -> list[Month]:
    near = [as_of.year * 12 + as_of.month - 1 - back for back in range(-1, 30)]
    chosen = rng.sample(near, rng.choice([0, 1, 6, 30]))
    return [
        Month(
            number // 12 * 100 + number % 12 + 1,
            rng.randrange(-100, 1000) * 100,
            rng.choice([0, 500]),
        )
        for number in chosen
    ]


def land_world(lake: TinyLake, world: World) -> None:
    """Land a world of which every row is known long before any look."""
    lake.land("reg_basic", [registered(key) for key in world])
    lake.land(
        "invoice_line", [invoice_row(key, i) for key, (rows, _) in world.items() for i in rows]
    )
    months = [month_row(key, m) for key, (_, months) in world.items() for m in months]
    lake.land("invoice_month", months)


def month_row(key: int, m: Month) -> dict[str, object]:
    """A month as the lake stores it, known long ago."""
    return invoice_month(key, m.month, m.out, red_fen=m.red, available_at=LONG_AGO)


def invoice_row(key: int, i: Invoice) -> dict[str, object]:
    """An invoice as the lake stores it, known long ago."""
    row = invoice(
        key,
        i.issued_on,
        i.fen,
        direction="sales" if i.is_sale else "purchase",
        party=i.party,
        tax_fen=i.tax,
        status="valid" if i.is_valid else "void",
    )
    return {**row, "available_at": LONG_AGO}
