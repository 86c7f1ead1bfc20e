"""Who defaults: our rating beside plain LightGBM and a WoE scorecard, on the same folds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from sklearn.metrics import brier_score_loss, roc_auc_score

from benchmarks.folds import write_folds
from benchmarks.measure import of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting

AREA = "rating"
REPEATS, FOLDS, SEED = 10, 5, 20200229
DRAWS = 1_000

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Question:
    """What every model is asked.

    Parameters
    ----------
    folds : Path
        Parquet `enterprise_id, repeat, fold`.
    out : Path
        Parquet to write: the folds with `probability`, out of fold.
    """

    folds: Path
    out: Path


#: (setting, question) -> a command that writes our out-of-fold probabilities, then its report.
OurRating = Callable[[Setting, Question], Sequence[str | Path]]


def compare(setting: Setting, our_rating: OurRating) -> Iterator[Entry]:
    """Judge our out-of-fold probabilities beside two peers'.

    Parameters
    ----------
    setting : Setting
    our_rating : callable
        Our side; see `OurRating`. The expert's rating must not reach it: D means default.
    """
    labels = _labels(setting.contest)
    folds = setting.work / "folds.parquet"
    write_folds(folds, list(labels), list(labels.values()), repeats=REPEATS, folds=FOLDS, seed=SEED)
    table = setting.work / "features.parquet"
    as_of = setting.as_of_date.isoformat()
    of_command(setting.peer("pandas_features", setting.contest, "--as-of", as_of, "--out", table))()

    def ask(name: str, command: Callable[[Question], Sequence[str | Path]]) -> FloatArray:
        question = Question(folds, setting.work / f"{name}.parquet")
        of_command(command(question))()
        return _probabilities(question.out, list(labels))

    def plain(question: Question) -> Sequence[str | Path]:
        files = ("--folds", question.folds, "--out", question.out)
        return setting.peer("plain_lightgbm", setting.contest, *files)

    def scorecard(question: Question) -> Sequence[str | Path]:
        files = ("--features", table, "--folds", question.folds, "--out", question.out)
        return setting.peer("woe_logistic", setting.contest, *files)

    target = np.array(list(labels.values()), dtype=np.int64)
    ours = ask("ours", lambda question: our_rating(setting, question))
    for title, name, command in (
        ("plain LightGBM", "plain_lightgbm", plain),
        ("a WoE scorecard", "woe_logistic", scorecard),
    ):
        yield from judged(title, target, ours, ask(name, command), setting)


def judged(
    title: str, target: IntArray, ours: FloatArray, peer: FloatArray, setting: Setting
) -> Iterator[Entry]:
    """AUC and Brier score of both sides, with the interval of the AUC difference.

    Parameters
    ----------
    title : str
        The peer as a noun.
    target : ndarray of shape (n_firms,)
        1 for default.
    ours, peer : ndarray of shape (n_repeats, n_firms)
        Out-of-fold probability of default.
    """
    low, high = auc_difference_interval(target, ours, peer)
    sample = f"{len(target)} firms, {int(target.sum())} defaults, {len(ours)}×{FOLDS}-fold"
    yield compared(
        AREA,
        f"AUC, against {title}",
        ours=mean_auc(target, ours),
        peer=mean_auc(target, peer),
        better="higher",
        unit="",
        now=setting.now,
        note=f"{sample}; difference 95 % [{low:+.3f}, {high:+.3f}] over firms",
    )
    yield compared(
        AREA,
        f"Brier score, against {title}",
        ours=_mean_brier(target, ours),
        peer=_mean_brier(target, peer),
        better="lower",
        unit="",
        now=setting.now,
        note=sample,
    )


def mean_auc(target: IntArray, probabilities: FloatArray) -> float:
    """AUC of each repeat, pooled over its folds, averaged over the repeats; higher is better."""
    return float(np.mean([roc_auc_score(target, one) for one in probabilities]))


def auc_difference_interval(
    target: IntArray, ours: FloatArray, peer: FloatArray, *, draws: int = DRAWS
) -> tuple[float, float]:
    """95 % interval of our AUC minus the peer's, drawing firms with replacement.

    Both sides are averaged over the repeats first and see the same draws, so what the firms have
    in common cancels. Draws without both classes are left out.
    """
    rng = np.random.default_rng(SEED)
    mine, theirs = ours.mean(axis=0), peer.mean(axis=0)
    differences: list[float] = []
    for _ in range(draws):
        rows = rng.integers(0, len(target), len(target))
        if 0 < target[rows].sum() < len(rows):
            differences.append(
                roc_auc_score(target[rows], mine[rows]) - roc_auc_score(target[rows], theirs[rows])
            )
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def _mean_brier(target: IntArray, probabilities: FloatArray) -> float:
    return float(np.mean([brier_score_loss(target, one) for one in probabilities]))


def _labels(contest: Path) -> dict[str, int]:
    path = contest / "enterprises_with_record.parquet"
    table = pq.read_table(path, columns=["enterprise_id", "default"]).to_pydict()
    return dict(zip(table["enterprise_id"], map(int, table["default"]), strict=True))


def _probabilities(path: Path, enterprises: Sequence[str]) -> FloatArray:
    """Read out-of-fold probabilities as repeats × firms; every cell must be filled."""
    rows = pq.read_table(path, columns=["enterprise_id", "repeat", "probability"]).to_pydict()
    column = {enterprise: place for place, enterprise in enumerate(enterprises)}
    matrix = np.full((REPEATS, len(enterprises)), np.nan)
    for enterprise, repeat, probability in zip(
        rows["enterprise_id"], rows["repeat"], rows["probability"], strict=True
    ):
        matrix[repeat, column[enterprise]] = probability
    if np.isnan(matrix).any():
        raise ValueError(
            f"{path.name} misses {int(np.isnan(matrix).sum())} of {matrix.size} out-of-fold values."
        )
    return matrix
