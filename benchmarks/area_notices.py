"""From a landed record to the signed notice at the lender's, and how many notices leave in a second.

A record of a borrower lands by the ordinary ingest while the service runs; counted is from the moment
the lake's commit is written to the moment the lender's receiver has the whole request. The bound beside
the sending is the same client at the same receiver, without outbox, lease, consent and record.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from statistics import median

from benchmarks.notices_landed import Landed, land_some
from benchmarks.notices_sent import Sent, send_bare, send_waiting
from benchmarks.our_notices import await_first_round, copied_home, kept_home, watching
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting

AREA = "notices"

_entry = partial(compared, AREA)


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes
    ----------
    landings : int
        Records that land, one at a time.
    notices : int
        That wait in the outbox.
    """

    firms: int = 6_000
    landings: int = 40
    notices: int = 4_000


def compare(setting: Setting, sizes: Sizes | None = None) -> Iterator[Entry]:
    """Measure on one running service."""
    sizes = sizes or Sizes()
    kept, today = kept_home(setting.cities, sizes.firms)
    home = copied_home(kept, setting.work)
    rng = random.Random(7)  # noqa: S311 - a seed, not a secret
    with watching(home, today) as house:
        await_first_round(house)
        landed = land_some(house, sizes.landings, rng)
        sent = send_waiting(house, sizes.notices)
        bare = send_bare(house, sizes.notices)
    yield from landings(landed, sizes.firms, setting.now)
    yield from sendings(sent, bare, setting.now)


def landings(landed: Sequence[Landed], firms: int, now: datetime) -> Iterator[Entry]:
    """How long landed records took to be heard of, and by whom they were."""
    seconds = sorted(one for each in landed for one in each.seconds)
    note = (
        f"{len(landed)} records, one at a time, {len(seconds)} notices; {firms:,} firms, every one with exposures watched; "
        f"from the commit of the lake to the request's last byte at the receiver"
    )
    yield _entry(
        "From a landed record to the lender's receiver, median",
        ours=median(seconds),
        peer=None,
        better="lower",
        unit="s",
        now=now,
        note=f"{note}; medians of the steps: {_steps(landed)}",
    )
    yield _entry(
        "From a landed record to the lender's receiver, p99",
        ours=seconds[int(0.99 * len(seconds))],
        peer=None,
        better="lower",
        unit="s",
        now=now,
        note=f"{note}; the longest of so few: {seconds[-1]:.2f} s",
    )
    yield _entry(
        "Records of which others heard, or somebody twice or never",
        ours=sum(not one.is_right for one in landed),
        peer=None,
        better="neither",
        unit="",
        now=now,
        note=f"of {len(landed)}; a signature that is not right counts too",
    )


def _steps(landed: Sequence[Landed]) -> str:
    return ", ".join(
        f"{name} {median(one.steps[name] for one in landed):.2f} s" for name in landed[0].steps
    )


def sendings(sent: Sent, bare: Sent, now: datetime) -> Iterator[Entry]:
    """How fast an outbox is emptied, and what that costs."""
    note = (
        f"{sent.notices:,} notices in {sent.streams:,} streams, consent read, record written and lease held for each; "
        f"{sent.repeats} of them twice; the bound, not a rival: the same client with as many hands, already signed"
    )
    yield _entry(
        "Notices sent, against the bare client",
        ours=sent.rate,
        peer=bare.rate,
        better="higher",
        unit="1/s",
        now=now,
        note=note,
    )
    yield _entry(
        "CPU a notice, without the receiver's, against the bare client",
        ours=sent.cpu_ms("service", "PostgreSQL"),
        peer=bare.cpu_ms("client"),
        better="lower",
        unit="ms",
        now=now,
        note=f"service {sent.cpu_ms('service'):.2f} ms with all else it does meanwhile, PostgreSQL "
        f"{sent.cpu_ms('PostgreSQL'):.2f} ms; the receiver {sent.cpu_ms('receiver'):.2f} ms, at the bare client's "
        f"{bare.cpu_ms('receiver'):.2f} ms",
    )
