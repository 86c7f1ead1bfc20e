"""Whether a model still explains itself by the same features as at development."""

from collections.abc import Mapping

import numpy as np

from features.errors import ModelInputError


def explanation_stability(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Kendall's tau-b between two rankings of the same features by global importance.

    Parameters
    ----------
    before, after : mapping of str to float
        Importance by feature, for instance mean absolute points; order does not matter.

    Returns
    -------
    float
        -1..1, 1 for the same ranking; ties count for neither side.

    Raises
    ------
    ModelInputError
        If the features differ, an importance is no finite number, or all of one side are equal.

    Notes
    -----
    (concordant - discordant) / sqrt(pairs untied before * pairs untied after). Every feature
    counts alike, the least important too, whose order is mostly chance: a low tau asks for a look at
    the features that matter. Source: Kendall 1945, The treatment of ties in ranking problems.

    Examples
    --------
    >>> before = {"tax": 3.0, "invoice": 2.0, "energy": 1.0}
    >>> explanation_stability(before, {"invoice": 5.0, "tax": 4.0, "energy": 0.5})
    0.3333333333333333
    """
    if set(before) != set(after):
        odd = sorted(set(before) ^ set(after))[:5]
        raise ModelInputError(
            en=f"Both rankings need the same features; only one has {', '.join(odd)}.",
            zh=f"两次排序须为相同特征；仅一方具有：{'、'.join(odd)}。",
        )
    names = sorted(before)
    x, z = (np.array([side[name] for name in names]) for side in (before, after))
    if not np.isfinite([x, z]).all() or np.unique(x).size < 2 or np.unique(z).size < 2:  # noqa: PLR2004
        raise ModelInputError(
            en=f"A ranking needs finite importances of which at least two differ, got {len(names)} features.",
            zh=f"排序要求有限且至少两个不同的重要性，现有 {len(names)} 个特征。",
        )
    order_before, order_after = (np.sign(side[:, None] - side) for side in (x, z))
    untied = np.count_nonzero(order_before) * np.count_nonzero(order_after)
    return float((order_before * order_after).sum() / np.sqrt(untied))
