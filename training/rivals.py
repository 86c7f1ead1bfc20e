"""Two models on the same rows: the candidate's held-out answers against the champion's."""

from dataclasses import dataclass

import numpy as np

from features.contracts import Words
from models.arrays import BoolArray, FloatArray
from models.bundle import Bundle
from models.metrics import AucDifference, auc_difference
from training.study import Sample, Study


@dataclass(frozen=True)
class Rival:
    """The model that serves, and what it left to be judged by.

    Attributes
    ----------
    bundle : Bundle or Words
        Why it cannot be loaded, where it cannot.
    study : Study or None
    """

    bundle: Bundle | Words
    study: Study | None


@dataclass(frozen=True)
class Comparison:
    """A paired comparison.

    Attributes
    ----------
    auc : AucDifference
        Candidate less champion.
    rows, defaults : int
        Rows compared, and firms in default among them.
    left_out : Words
        What was done about firms that either model learned from.
    """

    auc: AucDifference
    rows: int
    defaults: int
    left_out: Words


def compare(
    study: Study, sample: Sample, champion: Rival, *, defaults_from: int, level: float
) -> Comparison | Words:
    """Rank a sample of the candidate's study by both models.

    Returns
    -------
    Comparison or Words
        Why there is none: the champion cannot answer, or too few firms defaulted.

    Notes
    -----
    Rows of a firm are not independent, so the interval is too narrow and a worse candidate is noticed
    rather early than late.
    """
    theirs = champion_risk(study, sample, champion)
    if isinstance(theirs, Words):
        return theirs
    learned = _learned_firms(study, champion.study)
    new = ~np.isin(sample.firm, learned)
    told = int(np.unique(sample.firm[~new]).size)
    for rows, left_out in (
        (new, Words(zh=f"未计曾被学习的 {told} 家", en=f"{told} firms learned from left out")),
        (
            np.ones(len(new), dtype=np.bool_),
            Words(
                zh=f"含曾被学习的 {told} 家", en=f"{told} firms learned from at earlier dates stay"
            ),
        ),
    ):
        defaults = _defaulted_firms(sample, rows)
        if defaults >= defaults_from and not sample.is_default[rows].all():
            found = auc_difference(
                sample.is_default[rows], sample.probability[rows], theirs[rows], level
            )
            return Comparison(found, int(rows.sum()), defaults, left_out)
    return Words(
        zh=f"违约企业不足 {defaults_from} 家，无法与在用版本比较",
        en=f"fewer than {defaults_from} firms defaulted, so it cannot be compared with the champion",
    )


def champion_risk(study: Study, sample: Sample, champion: Rival) -> FloatArray | Words:
    """Probabilities of the champion for the sample's rows, shape (n,).

    For a row the champion itself learned from, its own held-out answer is taken where its study has
    one: an answer it was fitted to would flatter it.
    """
    bundle = champion.bundle
    if isinstance(bundle, Words):
        return bundle
    place = {name: column for column, name in enumerate(study.features)}
    unknown = [name for name in bundle.layout.features if name not in place]
    if unknown:
        return Words(
            zh=f"在用版本所用的 {len(unknown)} 个特征不在验证材料中（{unknown[0]}），无法比较",
            en=f"the champion reads {len(unknown)} features the study does not hold ({unknown[0]}), so they "
            "cannot be compared",
        )
    columns = [place[name] for name in bundle.layout.features]
    risk = bundle.line.probability(bundle.model.margin(sample.matrix[:, columns]))
    if champion.study is not None:
        held_out = champion.study.development
        mine, theirs = _keys(sample), _keys(held_out)
        _, here, there = np.intersect1d(mine, theirs, return_indices=True)
        risk[here] = held_out.probability[there]
    return risk


def _keys(sample: Sample) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """One number a firm and date."""
    days = sample.as_of_date.astype("datetime64[D]").astype(np.int64)
    return sample.firm.astype(np.int64) * 1_000_000 + days


def _learned_firms(study: Study, other: Study | None) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    firms = [study.development.firm, *([other.development.firm] if other is not None else [])]
    return np.unique(np.concatenate(firms))


def _defaulted_firms(sample: Sample, rows: BoolArray) -> int:
    return int(np.unique(sample.firm[rows & sample.is_default]).size)
