"""Consents to lenders: to decide on an application, then to watch the loan."""

from dataclasses import replace

import numpy as np

from simulator.arrays import (
    Bools,
    Codes,
    Column,
    Days,
    Ints,
    Text,
    always,
    serials,
)
from simulator.consents import Consents
from simulator.lending import (
    Applications,
    Loans,
)
from simulator.rows import Rows, lagged
from simulator.world import World

_APPLY_DAYS, _POSTLOAN_DAYS = 90, 30


def lender_consents(
    world: World,
    rng: np.random.Generator,
    consents: Consents,
    applications: Applications,
    asked: Days,
    apply_ids: Codes,
    *,
    loans: Loans,
    granted: Days,
    own: Codes,
    keeps: Bools,
) -> list[Rows]:
    """One consent to one lender: to decide (90 days), then to watch (until 30 days after the end)."""
    lender = rng.integers(0, len(world.words.lenders), len(asked))
    lender[loans.application] = loans.lender
    rows = [
        _consent(rng, world, consents, applications.firm, apply_ids, lender, "apply",
                 day=asked, valid_to=asked + _APPLY_DAYS)
    ]  # fmt: skip
    kept = np.flatnonzero(keeps)
    ends = world.calendar.end(np.minimum(loans.ends, 12 * 60)[kept]) + _POSTLOAN_DAYS
    watched = _consent(rng, world, consents, loans.firm[kept], own[kept], loans.lender[kept],
                       "postloan", day=granted[kept], valid_to=ends)  # fmt: skip
    rows.append(watched)
    # Consent revoked in mid-loan: the lender sees nothing from that instant on.
    revoked = np.flatnonzero(rng.random(len(kept)) < world.parameters.details.postloan_revoked)
    day = watched.event[revoked] + rng.integers(40, 150, len(revoked))
    moment = lagged(rng, day, 0, 0)
    gone = watched.take(revoked).with_columns(
        event=always("revoked", len(revoked)),
        occurred_at=moment,
        event_id=serials(rng, "CE", len(revoked)),
    )
    return [*rows, replace(gone, event=day, delivered=moment)]


def _consent(
    rng: np.random.Generator,
    world: World,
    consents: Consents,
    firm: Ints,
    ids: Codes,
    lender: Ints,
    purpose: str,
    *,
    day: Days,
    valid_to: Days,
) -> Rows:
    n = len(firm)
    scopes = list(world.parameters.consent.scopes)
    bits = np.array([consents.opens[scope][firm] for scope in scopes]).astype(np.int64)
    mask = (bits << np.arange(len(bits))[:, None]).sum(axis=0)
    base = ["registration_detail", "loan", *(["postloan"] if purpose == "postloan" else [])]
    masks, codes = np.unique(mask, return_inverse=True)
    texts = [
        ";".join([*base, *(s for place, s in enumerate(scopes) if number >> place & 1)])
        for number in masks.tolist()
    ]
    moment = lagged(rng, day, 0, 0)
    columns: dict[str, Column] = {
        "event_id": serials(rng, "CE", n),
        "consent_id": ids,
        "event": always("granted", n),
        "occurred_at": moment,
        "grantee": world.lender_usccs[lender],
        "purpose": always(purpose, n),
        "scopes": Text(codes.astype(np.int64), texts),
        "valid_from": day,
        "valid_to": valid_to,
    }
    return Rows("consent_event", firm, day, moment, columns)
