"""The desk a request works at: one bundle, one build of the vectors, one state of the lake.

A worker has one desk at a time and swaps it whole, so an answer never mixes two models or two builds.
Nothing here asks the ledger or the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt

from features.contracts import REGISTER, Catalogue
from features.firm_segments import HIDDEN_FIGURES, SEGMENT_DATASETS, kinds_of
from features.lake import LakeView
from features.online import OnlineVectors
from features.pipeline import build_features
from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from features.stale import Stale
from models.arrays import BoolArray, FloatArray
from models.bundle import Bundle
from models.knockouts import KnockoutAnswers, Knockouts
from models.portrait import Kinds, Portraits
from models.record import feature_hash, proving_columns
from models.scorer import Ratings, Scorer
from serving.ratings.sight import Opened, Sight, sight_of

#: Sights kept; an enterprise opens one of few combinations, and each costs some kilobytes.
_SIGHTS = 512


@dataclass(frozen=True)
class Facts:
    """What is known of one firm at one date, before a scope is laid over it.

    Attributes
    ----------
    values : ndarray of shape (m,)
        The model's features, then what knock-outs ask beside them; NaN where unknown.
    kind : void of `features.online.KIND`, or None
    build : str
        The build they were read from; empty if computed from the lake.
    """

    values: FloatArray
    kind: np.void | None
    as_of_date: date
    build: str = ""


@dataclass(frozen=True)
class Rated:
    """One firm's rating, in the model's own terms."""

    facts: Facts
    values: FloatArray
    ratings: Ratings
    grade: str
    knockouts: KnockoutAnswers
    portraits: Portraits
    feature_hash: str


@dataclass(frozen=True)
class Desk:
    """Everything a rating needs.

    Attributes
    ----------
    stale : Stale
        Firms of whose rating something in the build no longer holds.
    held : Registry
        Columns of the build that are defined as they were when it was made.
    unsure : Stale
        Firms of which any of these columns, or what kind of firm it is, no longer holds.
    """

    bundle: Bundle
    online: OnlineVectors
    lake: LakeView
    stale: Stale
    registry: Registry
    catalogue: Catalogue
    held: Registry
    unsure: Stale
    _sights: dict[Opened, Sight] = field(default_factory=dict[Opened, Sight], repr=False)

    @cached_property
    def scorer(self) -> Scorer:
        """Rates rows with the bundle."""
        return Scorer(self.bundle)

    @cached_property
    def scopes(self) -> frozenset[str]:
        """Consent scopes that open something the model reads."""
        return frozenset(
            scope for scope in self.bundle.manifest.consent_scopes.values() if scope is not None
        )

    @property
    def as_of_date(self) -> date:
        """The date the desk speaks for unless asked for another."""
        return self.online.as_of_date

    @cached_property
    def knockouts(self) -> Knockouts:
        """The bundle's knock-outs in force at the desk's date."""
        return self.knockouts_at(self.as_of_date)

    def knockouts_at(self, day: date) -> Knockouts:
        """The bundle's knock-outs in force at a date."""
        return self.bundle.knockouts.at(day, Vocabulary.of(self.registry))

    @cached_property
    def width(self) -> int:
        """Features of the model; they come first in `Facts.values`."""
        return len(self.bundle.manifest.features)

    @cached_property
    def _columns(self) -> npt.NDArray[np.intp]:
        return np.array(self.online.columns(self.columns_for(self.knockouts).names), dtype=np.intp)

    @cached_property
    def _places(self) -> dict[str, int]:
        names = self.columns_for(self.knockouts).names
        return {name: place for place, name in enumerate(names)}

    @cached_property
    def _proves(self) -> BoolArray:
        return proving_columns(self.bundle.manifest.features)

    def columns_for(self, knockouts: Knockouts) -> Registry:
        """The model's features, then those knock-outs ask beside them."""
        names = (feature.name for feature in self.bundle.manifest.features)
        return self.registry.select(dict.fromkeys((*names, *knockouts.names)))

    def is_warm(self, opened: Opened) -> bool:
        """Whether a rating under these scopes needs no table to be built first."""
        return opened in self._sights

    def sight(self, opened: Opened) -> Sight:
        """What a look sees; the first under each combination of scopes builds the model's tables."""
        found = self._sights.get(opened)
        if found is None:
            hidden = self.scorer.hidden_columns(opened.withheld(self.catalogue))
            found = sight_of(self.bundle, self.catalogue, opened, hidden)
            if not found.sees_nothing:
                self.scorer.rate(np.full((1, self.width), np.nan), found.withheld)
            if len(self._sights) >= _SIGHTS:
                self._sights.clear()
            self._sights[opened] = found
        return found

    @property
    def warm_scopes(self) -> tuple[Opened, ...]:
        """Combinations asked for so far, for the desk that comes next."""
        return tuple(self._sights)

    def knows(self, uscc: str) -> bool:
        """Whether a firm of that code may be on the register; the lake says so for sure."""
        return self.stale.holds(uscc) or self.online.find(uscc) is not None

    def at_hand(self, uscc: str, day: date) -> Facts | None:
        """A firm's facts from the build; None where the lake must be asked."""
        if day != self.as_of_date or self.stale.holds(uscc):
            return None
        row = self.online.find(uscc)
        if row is None:
            return None
        kinds = self.online.kinds
        values = self.online.vectors[row][self._columns]
        return Facts(values, None if kinds is None else kinds[row], day, self.online.folder.name)

    def look_up(self, uscc: str, day: date, sight: Sight, now: datetime) -> Facts | None:
        """A firm's facts from the lake as far as the sight opens it; None if it was on no register.

        Takes a fraction of a second: not for the event loop.
        """
        row = self.online.find(uscc)
        if row is None or day != self.as_of_date or not self._is_piecewise:
            return look_up(self, self.lake, uscc, day, sight, now=now)
        return self._brought_up_to_date(uscc, row, sight, now)

    @property
    def _is_piecewise(self) -> bool:
        """Whether what nothing has happened to can be taken from the build."""
        return not self.stale.is_everyone and REGISTER not in self.stale.datasets

    def _brought_up_to_date(self, uscc: str, row: int, sight: Sight, now: datetime) -> Facts | None:
        """The build's values, and from the lake those that read what was touched."""
        whole = self.columns_for(self.knockouts)
        touched = [
            place
            for place, feature in enumerate(whole)
            if not feature.datasets.isdisjoint(self.stale.datasets)
        ]
        part = Registry(tuple(whole.features[place] for place in touched))
        found = look_up(self, self.lake, uscc, self.as_of_date, sight, now=now, registry=part)
        if found is None:
            return None
        values = self.online.vectors[row][self._columns]
        values[touched] = found.values
        return replace(found, values=values)

    def rate(self, facts: Facts, sight: Sight) -> Rated | None:
        """Rate a firm under a sight; None if nothing of it is on record there."""
        values = facts.values.copy()
        values[: self.width][sight.hidden] = np.nan
        if np.isnan(values[: self.width][self._proves]).all():
            return None
        is_today = facts.as_of_date == self.as_of_date
        knockouts = self.knockouts if is_today else self.knockouts_at(facts.as_of_date)
        places = self._places if is_today else _places_of(self.columns_for(knockouts))
        columns = {name: facts.values[places[name] :][:1] for name in knockouts.names}
        matrix = np.ascontiguousarray(values[None, : self.width])
        ratings = self.scorer.rate(matrix, sight.withheld)
        answers = knockouts.check(columns, 1, sight.withheld)
        return Rated(
            facts=facts,
            values=matrix[0],
            ratings=ratings,
            grade=str(answers.cap(ratings.grade, self.bundle.scale)[0]),
            knockouts=answers,
            portraits=self.bundle.portraitist.draw(
                matrix, sight.hidden, _kinds(facts.kind, sight.withheld)
            ),
            feature_hash=feature_hash(matrix[0]),
        )


def look_up(
    desk: Desk,
    lake: LakeView,
    uscc: str,
    day: date,
    sight: Sight,
    *,
    now: datetime,
    made_at: datetime | None = None,
    registry: Registry | None = None,
) -> Facts | None:
    """A firm's facts from a state of the lake; see `Desk.look_up`.

    Parameters
    ----------
    registry : Registry, optional
        Features to compute; all a rating reads when omitted.
    made_at : datetime, optional
        To see what a look saw that was taken then.
    """
    firm = lake.find_enterprise(uscc)
    read = desk.columns_for(desk.knockouts_at(day)) if registry is None else registry
    scope = DataScope(
        frozenset(desk.catalogue.datasets) - sight.withheld,
        Purpose.SELF_REPORT if made_at is None else Purpose.REPLAY,
        until=now.date(),
    )
    with open_snapshot(
        lake,
        desk.catalogue,
        day,
        scope,
        now=now,
        made_at=made_at,
        enterprises=[firm.key],
        threads=1,
        datasets=read.datasets | SEGMENT_DATASETS,
    ) as snapshot:
        table = build_features(snapshot, read)
        kinds = kinds_of(snapshot, [uscc])
    if table.usccs != [uscc]:
        return None
    return Facts(table.matrix()[0], kinds[0], day)


def _places_of(registry: Registry) -> Mapping[str, int]:
    return {name: place for place, name in enumerate(registry.names)}


def _kinds(kind: np.void | None, withheld: frozenset[str]) -> Kinds:
    if kind is None:
        return Kinds.unknown(1)
    # A size that rests on figures the scope closes would tell of them.
    size = "size_class_public" if HIDDEN_FIGURES in withheld else "size_class"
    return Kinds(np.array([kind[size].decode()]), np.array([kind["industry_section"].decode()]))
