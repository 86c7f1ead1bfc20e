"""What changed: two vectors of one firm under one model and one scope, taken apart in points.

Both are held against the same reference firms, so the base is the same and falls out: the differences of
the reason groups, and of what the ends of the scale took, add up to the difference of the scores, in
integers.
"""

from dataclasses import dataclass
from functools import cached_property
from math import isnan

import numpy as np

from features.contracts import Words
from features.registry import Registry
from models.arrays import BoolArray, FloatArray, IntArray
from models.bundle import Bundle
from models.reasons import Band

#: Units whose value is a plain count that can be written as it is, where the data are public.
_PLAIN = frozenset({"count", "days", "months", "level"})
#: For a ratio without a band of its own: the edges of `share`, `growth` and `fall` in reasons.yaml.
_SIGNED = Band(unit="percent", edges=[-0.9, -0.7, -0.5, -0.3, -0.1, 0, 0.1, 0.3, 0.5, 1, 2])
#: Stands for any value that has no band.
_SOME = Words(zh="有记录", en="on record")


@dataclass(frozen=True)
class Changes:
    """How the scores of n firms moved between two dates.

    Attributes
    ----------
    before, now : ndarray of int64, shape (n,)
        Scores [points], higher = safer.
    group_points : ndarray of int64, shape (n, g)
        Difference by reason group, columns as in the bundle's layout; negative lowered the score.
    feature_points : ndarray of int64, shape (n, k)
    limit_points : ndarray of int64, shape (n,)
        Difference of what the ends of the scale took or added.
        `group_points.sum(axis=1) + limit_points == now - before`.
    """

    before: IntArray
    now: IntArray
    group_points: IntArray
    feature_points: IntArray
    limit_points: IntArray


@dataclass(frozen=True)
class GroupChange:
    """One reason group of one firm: its points, and what moved in it."""

    code: str
    points: int
    words: Words


def changes_between(
    bundle: Bundle, before: FloatArray, now: FloatArray, hidden: BoolArray | None = None
) -> Changes:
    """Take the movement of scores apart.

    Parameters
    ----------
    before, now : ndarray of shape (n, k)
        The same firms at two dates, columns as in the manifest.
    hidden : ndarray of bool, shape (k,), optional
        Columns that the scope closes, at both dates.
    """
    then, since = bundle.points(before, hidden), bundle.points(now, hidden)
    return Changes(
        before=then.score,
        now=since.score,
        group_points=since.group_points - then.group_points,
        feature_points=since.feature_points - then.feature_points,
        limit_points=since.points_limit - then.points_limit,
    )


@dataclass(frozen=True)
class ChangeSpeaker:
    """Says in sentences what changed: public counts as they are, anything else in bands.

    Parameters
    ----------
    bundle : Bundle
    registry : Registry
        For the words and units of its features.
    """

    bundle: Bundle
    registry: Registry

    def groups(
        self, changes: Changes, row: int, before: FloatArray, now: FloatArray, *, most: int
    ) -> tuple[GroupChange, ...]:
        """The groups that lost most points, each with the feature that lost most in it.

        Parameters
        ----------
        row : int
            Of `changes`.
        before, now : ndarray of shape (k,)
            The vectors of that firm.
        most : int
            So many groups at most; those that lost nothing are never listed.
        """
        layout = self.bundle.layout
        points = changes.group_points[row]
        ordered = sorted(range(len(points)), key=lambda place: (points[place], place))
        found: list[GroupChange] = []
        for place in ordered[:most]:
            if points[place] >= 0:
                break
            members = layout.members[place]
            moved = int(members[np.argmin(changes.feature_points[row, members])])
            said = self._moved(moved, float(before[moved]), float(now[moved]))
            lost = int(points[place])
            found.append(
                GroupChange(
                    layout.groups[place],
                    lost,
                    Words(zh=f"{said.zh}，{lost:+d} 分", en=f"{said.en}, {lost:+d} points"),
                )
            )
        return tuple(found)

    def _moved(self, column: int, before: float, now: float) -> Words:
        name = self.bundle.layout.features[column]
        words = self.registry[name].words
        then, since = self._shown(column, before), self._shown(column, now)
        if then.zh != since.zh:
            return Words(
                zh=f"{words.zh}由 {then.zh} 变为 {since.zh}",
                en=f"{words.en}: from {then.en} to {since.en}",
            )
        if now == before:
            # The firm stands where it stood; what weighs is how its other values read beside this one.
            return Words(
                zh=f"{words.zh}未变，影响加重", en=f"{words.en}: unchanged, weighs more now"
            )
        rises = now > before
        return Words(
            zh=f"{words.zh}{'上升' if rises else '下降'}",
            en=f"{words.en}: {'rose' if rises else 'fell'}",
        )

    def _shown(self, column: int, value: float) -> Words:
        """A value as far as it may be shown; empty where only its movement may be told."""
        feature = self.bundle.manifest.features[column]
        unit = self.registry[feature.name].unit
        if isnan(value):
            return Words(zh="无记录", en="no record")
        if unit == "flag":
            return Words(zh="是", en="yes") if value else Words(zh="否", en="no")
        scopes = self.bundle.manifest.consent_scopes
        if unit in _PLAIN and all(scopes[name] is None for name in feature.datasets):
            return Words(zh=f"{value:g}", en=f"{value:g}")
        band = self._bands.get(feature.name, _SIGNED if unit == "ratio" else None)
        return band.render(value) if band is not None else _SOME

    @cached_property
    def _bands(self) -> dict[str, Band]:
        return _bands_of(self.bundle)


def _bands_of(bundle: Bundle) -> dict[str, Band]:
    """The band in which a card shows each feature; one of sizes alone would hide a change of sign."""
    found: dict[str, Band] = {}
    for group in bundle.reasons.groups.values():
        for sentence in group.sentences:
            use = sentence.band
            if use is not None and not bundle.reasons.bands[use.name].magnitude:
                found.setdefault(use.feature, bundle.reasons.bands[use.name])
    return found
