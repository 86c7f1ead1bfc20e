"""The beeswarm of `shap`, drawn into the page; `shap` and matplotlib load here and only when asked."""

import base64
import io
import warnings
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from scipy import stats

from models.arrays import FloatArray

_DOTS_AN_INCH = 150
_SEED = 0


def beeswarm(points: FloatArray, matrix: FloatArray, names: Sequence[str], title: str) -> Markup:
    """Draw points by feature as one picture inside the page.

    Parameters
    ----------
    points, matrix : ndarray of shape (n, k)
        Points and values; values colour by their rank only, so no value can be read off.
    names : sequence of k str
        Column names; the only words in the picture, since fonts differ by machine.
    title : str
        Read to those who do not see the picture.
    """
    picture = base64.b64encode(_drawn(points, _ranks(matrix), names)).decode("ascii")
    image = Markup('<img class="chart" alt="{}" src="data:image/png;base64,{}">')
    return image.format(title, picture)


def _drawn(points: FloatArray, ranks: FloatArray, names: Sequence[str]) -> bytes:
    """PNG; `shap` scatters dots by the global generator, which is put back as it was."""
    content = io.BytesIO()
    state = np.random.get_state()
    np.random.seed(_SEED)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # notices of shap and matplotlib to each other
            import shap  # noqa: PLC0415 - seconds to load, needed here only
            from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - as above
            from matplotlib.figure import Figure  # noqa: PLC0415 - as above

            figure = Figure(figsize=(9.0, 0.36 * len(names) + 1.2))
            FigureCanvasAgg(figure)
            axes = figure.add_subplot()
            shap.plots.beeswarm(
                shap.Explanation(values=points, data=ranks, feature_names=list(names)),
                max_display=len(names) + 1,
                ax=axes,
                show=False,
                plot_size=None,
                color_bar=False,
            )
            axes.set_xlabel("")
            figure.savefig(
                content,
                format="png",
                dpi=_DOTS_AN_INCH,
                bbox_inches="tight",
                metadata={"Software": None},
            )
    finally:
        np.random.set_state(state)
    return content.getvalue()


def _ranks(matrix: FloatArray) -> FloatArray:
    """Ranks from 0 to 1 within each column, NaN where unknown."""
    ranks = stats.rankdata(matrix, axis=0, nan_policy="omit")
    most = np.nanmax(np.where(np.isnan(ranks), 0.0, ranks), axis=0)
    return np.asarray(ranks / np.maximum(most, 1.0), dtype=np.float64)
