"""Who joins the platform and what they open: consents to the platform, independent of quality.

A firm that joins gives the platform two consents: one under which its data are collected and rated
(`pre_credit`), one to learn from it (`modelling`). Consents to lenders follow applications
(`simulator.loans`).
"""

from dataclasses import dataclass, replace

import numpy as np

from simulator.arrays import Bools, Codes, Column, Days, Ints, Text, always, serials
from simulator.firms import Firms
from simulator.rows import Rows, lagged
from simulator.streams import Streams
from simulator.world import World

PLATFORM = "platform"
#: Every consent to the platform opens these.
_BASE = ("registration_detail", "loan")
#: History comes a few days after the consent [days].
_BACKFILL_DAYS = (2, 6)


@dataclass(frozen=True)
class Consents:
    """Consents to the platform; arrays have shape (n,).

    Attributes
    ----------
    joined : ndarray of datetime64[D]
        NaT for a firm that never joined.
    ends : ndarray of datetime64[D]
        Day of a revocation, far in the future without one.
    opens : dict of str to ndarray of bool
        By consent scope.
    narrows : ndarray of datetime64[D]
        Day from which only tax and the base scopes stay open.
    backfill : ndarray of datetime64[s]
        When the history from before the consent is delivered.
    """

    joined: Days
    ends: Days
    opens: dict[str, Bools]
    narrows: Days
    collects: Codes
    learns: Codes
    may_learn: Bools
    valid_to: Days
    back_history: int
    backfill: Days

    def until(self, scope: str) -> Days:
        """Last day of collection under a scope."""
        keeps = scope == "tax" or scope in _BASE
        return self.ends if keeps else np.minimum(self.ends, self.narrows)


def draw_consents(world: World, streams: Streams, firms: Firms) -> Consents:
    """Draw who joins when, and what is opened."""
    rng = streams.named("consents")
    parameters, calendar = world.parameters.consent, world.calendar
    size = len(firms)
    before = -rng.integers(0, parameters.joined_before_months, size)
    after = firms.born + 1 + rng.exponential(parameters.join_delay_months, size).astype(np.int64)
    month = np.maximum(np.where(firms.born < 0, before, after), firms.born + 1)
    joins = (rng.random(size) < parameters.joined) & (month < firms.dies)
    joined = np.where(joins, calendar.day_in(rng, month), np.datetime64("NaT"))
    openness = rng.normal(size=size)
    mix = parameters.openness
    opens: dict[str, Bools] = dict.fromkeys(_BASE, joins)
    for scope, share in parameters.scopes.items():
        wish = mix * openness + np.sqrt(1 - mix**2) * rng.normal(size=size)
        opens[scope] = joins & (wish > np.quantile(wish, 1 - share))
    return Consents(
        joined=joined,
        ends=_after(rng, joined, parameters.revoked_per_year),
        opens=opens,
        narrows=_after(rng, joined, parameters.narrowed_per_year),
        collects=serials(rng, "CP", size),
        learns=serials(rng, "CM", size),
        may_learn=joins & (rng.random(size) < parameters.modelling),
        valid_to=joined + 366 * parameters.valid_years,
        back_history=parameters.back_history_months,
        backfill=lagged(rng, joined, *_BACKFILL_DAYS),
    )


def _after(rng: np.random.Generator, day: Days, yearly: float) -> Days:
    """Day of an event that comes so often a year, a month later at the earliest."""
    wait = (365 / yearly * rng.exponential(size=len(day))).astype(np.int64) + 30
    later: Days = (day + wait).astype("datetime64[D]")
    return later


def authorise(rows: Rows, consents: Consents) -> Rows:
    """Keep what may be collected, and deliver it no earlier than the consent allows."""
    if rows.scope is None:
        return rows
    joined = consents.joined[rows.firm]
    oldest = joined.astype("datetime64[M]") - consents.back_history
    allowed = (
        consents.opens[rows.scope][rows.firm]
        & (rows.event.astype("datetime64[M]") >= oldest)
        & (rows.delivered <= consents.until(rows.scope)[rows.firm])
    )
    kept = rows.take(allowed)
    kept = replace(kept, delivered=np.maximum(kept.delivered, consents.backfill[kept.firm]))
    return kept.with_columns(consent_id=consents.collects[kept.firm])


def consent_rows(world: World, streams: Streams, consents: Consents) -> list[Rows]:
    """Events of the consents to the platform."""
    rng = streams.named("consent_rows")
    joined = np.flatnonzero(~np.isnat(consents.joined))
    learning = np.flatnonzero(consents.may_learn)
    every = [*_BASE, *world.parameters.consent.scopes]
    scopes = _listed({scope: consents.opens[scope] for scope in every})
    left = _listed({scope: consents.opens[scope] & (scope in {*_BASE, "tax"}) for scope in every})
    today = world.calendar.today
    rows: list[Rows] = []
    for firms, ids, purpose in (
        (joined, consents.collects, "pre_credit"),
        (learning, consents.learns, "modelling"),
    ):
        granted = consents.joined[firms]
        rows.append(_event(rng, consents, firms, ids, purpose, "granted", granted, scopes))
        narrowed = firms[consents.narrows[firms] < np.minimum(consents.ends[firms], today)]
        day = consents.narrows[narrowed]
        rows.append(_event(rng, consents, narrowed, ids, purpose, "narrowed", day, left))
        revoked = firms[consents.ends[firms] < today]
        day = consents.ends[revoked]
        rows.append(_event(rng, consents, revoked, ids, purpose, "revoked", day, scopes))
    return rows


def _listed(opens: dict[str, Bools]) -> Text:
    """Scopes of every firm as `a;b;c`."""
    bits = np.array(list(opens.values())).astype(np.int64)
    mask = (bits << np.arange(len(bits))[:, None]).sum(axis=0)
    masks, codes = np.unique(mask, return_inverse=True)
    names = list(opens)
    texts = [
        ";".join(name for place, name in enumerate(names) if number >> place & 1)
        for number in masks.tolist()
    ]
    return Text(codes.astype(np.int64), texts)


def _event(
    rng: np.random.Generator,
    consents: Consents,
    firms: Ints,
    ids: Codes,
    purpose: str,
    event: str,
    day: Days,
    scopes: Text,
) -> Rows:
    moment = lagged(rng, day, 0, 0)
    columns: dict[str, Column] = {
        "event_id": serials(rng, "CE", len(firms)),
        "consent_id": ids[firms],
        "event": always(event, len(firms)),
        "occurred_at": moment,
        "grantee": always(PLATFORM, len(firms)),
        "purpose": always(purpose, len(firms)),
        "scopes": scopes.take(firms),
        "valid_from": consents.joined[firms],
        "valid_to": consents.valid_to[firms],
    }
    return Rows("consent_event", firms, day, moment, columns)
