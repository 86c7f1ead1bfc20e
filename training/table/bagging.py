"""Several seeds as one model: the mean of their margins is itself a sum of trees.

Each seed's leaves are divided by the number of seeds and the trees stand one after the other, so one model text
gives the mean margin and is explained exactly like any other.
"""

import re
from collections.abc import Mapping, Sequence

import lightgbm as lgb

from training.table.trees import Columns, Rows, grow

_SCALED = re.compile(r"^(leaf_value|internal_value)=(.*)$", re.MULTILINE)
_SHRINKAGE = re.compile(r"^shrinkage=(.*)$", re.MULTILINE)


def grow_bag(
    rows: Rows,
    columns: Columns,
    parameters: Mapping[str, object],
    trees: int,
    seeds: Sequence[int],
) -> str:
    """Model text of the mean margin over seeds.

    Parameters
    ----------
    trees : int
        Of each seed.
    seeds : sequence of int
        Where no row, column or threshold is drawn they would all give one model; the first is then enough.
    """
    is_random = (
        parameters["bagging_fraction"] != 1.0
        or parameters["feature_fraction"] != 1.0
        or bool(parameters["extra_trees"])
    )
    boosters = [
        grow(rows, columns, {**parameters, "seed": seed}, trees)
        for seed in (seeds if is_random else seeds[:1])
    ]
    return join_models([booster.model_to_string() for booster in boosters])


def join_models(texts: Sequence[str]) -> str:
    """One model text whose margin is the mean of the models' margins.

    Parameters
    ----------
    texts : sequence of str
        LightGBM texts on the same columns.
    """
    if len(texts) == 1:
        return texts[0]
    trees = [_scaled(tree, len(texts)) for text in texts for tree in _trees(text)]
    numbered = [
        re.sub(r"^Tree=\d+", f"Tree={place}", tree, count=1) for place, tree in enumerate(trees)
    ]
    head = texts[0].partition("\ntree_sizes=")[0]
    sizes = " ".join(str(len(tree)) for tree in numbered)
    # What LightGBM writes after the trees says how they were grown; it decides nothing.
    return f"{head}\ntree_sizes={sizes}\n\n{''.join(numbered)}end of trees\n"


def booster_of(text: str) -> lgb.Booster:
    """The model a text holds, as the library that grew it reads it."""
    return lgb.Booster(model_str=text)


def _trees(text: str) -> list[str]:
    rest = text.partition("\ntree_sizes=")[2]
    line, _, rest = rest.partition("\n\n")
    found: list[str] = []
    for size in map(int, line.split()):
        found.append(rest[:size])
        rest = rest[size:]
    return found


def _scaled(tree: str, parts: int) -> str:
    def divided(line: re.Match[str]) -> str:
        values = " ".join(repr(float(value) / parts) for value in line[2].split())
        return f"{line[1]}={values}"

    return _SHRINKAGE.sub(
        lambda line: f"shrinkage={float(line[1]) / parts!r}", _SCALED.sub(divided, tree)
    )
