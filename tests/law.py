"""The law of consent as a plain model: what a scope leaves of a full feature table, to the last bit."""

import random
from collections.abc import Mapping

from features.contracts import Dataset, Sensitivity
from features.pipeline import FeatureTable
from features.scope import DataScope, Purpose
from tests.builders import CATALOGUE, FAR, by_enterprise


def is_open(dataset: Dataset, scope: DataScope, consented: set[str]) -> bool:
    """Whether one firm's rows of a dataset may be seen."""
    if dataset.name not in scope.datasets:
        return False
    if scope.grantee is None or dataset.document.sensitivity is Sensitivity.PUBLIC:
        return True
    return dataset.document.consent_scope in consented


def masked(
    table: FeatureTable, scope: DataScope, consented: Mapping[int, set[str]]
) -> dict[int, dict[str, str]]:
    """The full table with every feature blanked that reads a dataset the firm's scope withholds."""
    return {
        key: {
            feature.name: bits(values[feature.name])
            if all(is_open(CATALOGUE[name], scope, consented[key]) for name in feature.datasets)
            else "NULL"
            for feature in table.registry
        }
        for key, values in by_enterprise(table).items()
    }


def bits(value: float | None) -> str:
    """A value exactly."""
    return "NULL" if value is None else value.hex()


def exact(table: FeatureTable) -> dict[int, dict[str, str]]:
    """A feature table exactly."""
    return {k: {n: bits(v) for n, v in row.items()} for k, row in by_enterprise(table).items()}


def random_scope(rng: random.Random, grantee: str | None, purpose: Purpose) -> DataScope:
    """Now and then everything, else some of the datasets."""
    datasets = sorted(CATALOGUE.datasets)
    chosen = datasets if rng.random() < 0.4 else rng.sample(datasets, rng.randrange(len(datasets)))
    return DataScope(frozenset(chosen), purpose, FAR, grantee)
