"""The beeswarm of `shap`, drawn into the page; `shap` and matplotlib load here and only when asked."""

import base64
import io
import warnings
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape
from scipy import stats

from models.arrays import FloatArray

_DOTS = 150
_SEED = 0


def beeswarm(
    points: FloatArray,
    matrix: FloatArray,
    names: Sequence[str],
    title: str,
    *,
    label: str,
    ends: tuple[str, str, str],
) -> Markup:
    """Draw points by feature as one picture inside the page.

    Parameters
    ----------
    points, matrix : ndarray of shape (n, k)
        Points and values; values colour by their rank only, so no value can be read off.
    names : sequence of k str
        Column names.
    ends : tuple of str
        Words for high, low and value beside the colours.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notices of shap and matplotlib to each other
        import matplotlib as mpl  # noqa: PLC0415 - seconds to load, needed here only
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415

        mpl.use("agg")
        import matplotlib.pyplot as plt  # noqa: PLC0415
        import shap  # noqa: PLC0415

        found = shap.Explanation(values=points, data=_ranks(matrix), feature_names=list(names))
        state = np.random.get_state()  # noqa: NPY002 - shap scatters dots by the global generator
        np.random.seed(_SEED)  # noqa: NPY002
        try:
            with mpl.rc_context({"font.sans-serif": ["Noto Sans CJK SC", "DejaVu Sans"]}):
                axes = shap.plots.beeswarm(
                    found,
                    max_display=len(names) + 1,
                    show=False,
                    plot_size=(9.0, 0.36 * len(names) + 1.2),
                    color_bar_label=ends[2],
                )
                axes.set_xlabel(label)
                figure = axes.get_figure()
                bar = figure.axes[-1]
                bar.set_yticklabels([ends[1], ends[0]])
                content = io.BytesIO()
                FigureCanvasAgg(figure)
                figure.savefig(
                    content,
                    format="png",
                    dpi=_DOTS,
                    bbox_inches="tight",
                    metadata={"Software": None},
                )
                plt.close(figure)
        finally:
            np.random.set_state(state)  # noqa: NPY002
    picture = base64.b64encode(content.getvalue()).decode("ascii")
    return Markup(f'<img class="chart" alt="{escape(title)}" src="data:image/png;base64,{picture}">')  # noqa: S704 - the title is escaped, the rest is ours


def _ranks(matrix: FloatArray) -> FloatArray:
    """Ranks from 0 to 1 within each column, NaN where unknown."""
    ranks = stats.rankdata(matrix, axis=0, nan_policy="omit")
    most = np.nanmax(np.where(np.isnan(ranks), 0.0, ranks), axis=0)
    return np.asarray(ranks / np.maximum(most, 1.0), dtype=np.float64)
