"""What like firms saw when a consent scope was opened: no part of a plan, and no promise.

Like firms have something under the scope, and had the same grade while it was closed. Of each the score is
worked out with the scope and without; kept are the ends of the middle of the differences, never a firm's own.
"""

import zlib
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import Field, model_validator

from features.documents import Document, load_document
from features.errors import ModelDocumentError
from models.arrays import FloatArray
from models.scorer import Scorer
from models.wayup.document import PeerRange

PEERS_PATH = Path(__file__).with_name("peers.yaml")
#: Name of the file in which the ranges are kept.
FILE_NAME = "peers.json"


class PeerRules(Document):
    """Which firms count, and which part of them is told."""

    valid_from: date
    source: str = Field(min_length=1)
    least_firms: int = Field(ge=10)
    most_firms: int = Field(ge=100)
    low: float = Field(gt=0, lt=0.5)
    high: float = Field(gt=0.5, lt=1)


class PeerBook(Document):
    """Every version there has been."""

    versions: list[PeerRules] = Field(min_length=1)


class Spread(Document):
    """Ends of the differences of some firms, score points."""

    firms: int
    low: int
    high: int

    @model_validator(mode="after")
    def _in_order(self) -> "Spread":
        if self.low > self.high:
            raise ValueError("low is over high")
        return self


class PeerTable(Document):
    """Spreads by consent scope and grade, with the model and the day they were worked out for."""

    bundle_id: str
    build: str
    spreads: dict[str, dict[str, Spread]]

    def ranges(self, scorer: Scorer, own: FloatArray, grade: str) -> list[PeerRange]:
        """Ranges of the scopes under which a firm has nothing, by scope.

        Parameters
        ----------
        own : ndarray of float64, shape (k,)
            The firm's vector, columns as the model's.
        grade : str
            The model's grade of the firm.
        """
        found: list[PeerRange] = []
        for scope, datasets in sorted(scopes_of(scorer).items()):
            spread = self.spreads.get(scope, {}).get(grade)
            if spread is not None and np.isnan(own[scorer.hidden_columns(datasets)]).all():
                found.append(
                    PeerRange(
                        consent_scope=scope, firms=spread.firms, low=spread.low, high=spread.high
                    )
                )
        return found


@cache
def load_peer_rules(as_of_date: date, path: Path = PEERS_PATH) -> PeerRules:
    """The rules in force at a date.

    Raises
    ------
    ModelDocumentError
        If the file is wrong or none has begun.
    """
    begun = [
        one
        for one in load_document(path, PeerBook, ModelDocumentError).versions
        if one.valid_from <= as_of_date
    ]
    if not begun:
        raise ModelDocumentError(
            en=f"{path} has no version that has begun by {as_of_date}. Add one.",
            zh=f"{path} 没有在 {as_of_date} 前生效的版本，请补充。",
        )
    return max(begun, key=lambda one: one.valid_from)


def scopes_of(scorer: Scorer) -> dict[str, frozenset[str]]:
    """Datasets that each consent scope opens to the model."""
    found: dict[str, set[str]] = {}
    for dataset, scope in scorer.bundle.manifest.consent_scopes.items():
        if scope is not None:
            found.setdefault(scope, set()).add(dataset)
    return {scope: frozenset(datasets) for scope, datasets in found.items()}


def peer_table(scorer: Scorer, matrix: FloatArray, rules: PeerRules, *, build: str) -> PeerTable:
    """Work the spreads out.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n, k)
        Everything held about n firms, columns as the model's.
    build : str
        Day of the matrix, so that a table is made anew for another.
    """
    spreads = {
        scope: _spreads(scorer, matrix, scope, datasets, rules)
        for scope, datasets in scopes_of(scorer).items()
    }
    return PeerTable(bundle_id=scorer.bundle.id, build=build, spreads=spreads)


def _spreads(
    scorer: Scorer, matrix: FloatArray, scope: str, datasets: frozenset[str], rules: PeerRules
) -> dict[str, Spread]:
    columns = scorer.hidden_columns(datasets)
    if not columns.any() or columns.all():
        return {}
    holds = np.flatnonzero(~np.isnan(matrix[:, columns]).all(axis=1))
    drawn = np.random.default_rng(zlib.crc32(scope.encode()))
    rows = np.sort(drawn.permutation(holds)[: rules.most_firms])
    if not len(rows):
        return {}
    peers = np.ascontiguousarray(matrix[rows])
    closed = scorer.rate(peers, datasets)
    change = scorer.rate(peers).score - closed.score
    found: dict[str, Spread] = {}
    for grade in np.unique(closed.grade).tolist():
        mine = change[closed.grade == grade]
        if len(mine) >= rules.least_firms:
            low, high = np.quantile(mine, [rules.low, rules.high])
            found[str(grade)] = Spread(
                firms=len(mine), low=int(np.floor(low)), high=int(np.ceil(high))
            )
    return found
