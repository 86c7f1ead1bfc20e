"""Exact contributions: our tables beside shap and LightGBM's own, speed and exactness."""

import sys
from collections.abc import Iterator, Mapping

from benchmarks.measure import of_command
from benchmarks.results import Better, Entry, compared
from benchmarks.setting import Setting

AREA = "shap"
DEPTHS = (4, 6)
_DATA = "300 trees, 100 features, 12 % missing, 30,000 made-up firms, one thread"

Figures = Mapping[str, float | str]


def compare(setting: Setting) -> Iterator[Entry]:
    """Measure both depths, each in a process of its own."""
    for depth in DEPTHS:
        cache = setting.work / f"numba-{depth}"
        figures = of_command(
            [
                "env",
                "OMP_NUM_THREADS=1",
                f"NUMBA_CACHE_DIR={cache}",
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "benchmarks.our_shap",
                str(depth),
                str(setting.turns),
            ]
        )().figures
        yield from _speeds(depth, figures, setting)
        yield from _truths(depth, figures, setting)


def _speeds(depth: int, figures: Figures, setting: Setting) -> Iterator[Entry]:
    tables = (
        f"{_number(figures, 'leaves'):,.0f} leaves in {_number(figures, 'twigs'):,.0f} twigs, "
        f"tables {_number(figures, 'table_mib'):.1f} MiB, text read in {figures['read_s']} s, loops "
        f"compiled once in {figures['compile_s']} s"
    )
    reference = (
        f"1,000 firms, kept as {_number(figures, 'patterns_mib'):.2f} MiB of counts; counted in "
        f"{figures['count_s']} s, tables of one scope in {figures['build_s']} s; largest difference "
        f"from shap {_number(figures, 'shap_difference'):.0e} (its float32)"
    )
    wanted: tuple[tuple[str, str, str, Better, str], ...] = (
        ("One row", "row", "shap", "lower", f"peer on a DataFrame row; {tables}"),
        ("One row", "row", "lightgbm", "lower", "peer on an array"),
        ("Batch", "batch", "shap", "higher", "20,000 rows ours, 1,000 theirs"),
        ("Batch", "batch", "lightgbm", "higher", "20,000 rows ours, 1,000 theirs"),
        ("One row, 1,000 reference firms", "interventional_row", "shap", "lower", reference),
        (
            "Batch, 1,000 reference firms",
            "interventional_batch",
            "shap",
            "higher",
            "20,000 rows ours, 20 theirs",
        ),
    )
    titles = {"shap": "shap", "lightgbm": "pred_contrib"}
    for name, key, peer, better, note in wanted:
        # A row in milliseconds, a batch in rows per second.
        size = 1e3 if better == "lower" else 1.0
        yield compared(
            AREA,
            f"{name}, depth {depth}, against {titles[peer]}",
            ours=_number(figures, f"{key}_ours") * size,
            peer=_number(figures, f"{key}_{peer}") * size,
            better=better,
            unit="ms" if better == "lower" else "rows/s",
            now=setting.now,
            note=f"{_DATA}; median of {setting.turns} turns, {figures[f'{key}_{peer}_spread']}; {note}",
        )


def _truths(depth: int, figures: Figures, setting: Setting) -> Iterator[Entry]:
    yield compared(
        AREA,
        f"Points of a withheld source, depth {depth}, against an unmasked reference",
        ours=_number(figures, "withheld_ours"),
        peer=_number(figures, "withheld_unmasked"),
        better="lower",
        unit="",
        now=setting.now,
        note="mean absolute score points, 2,000 firms, each of 10 sources withheld in turn; ours is "
        "the worst source, and exactly 0; worst source unmasked "
        f"{_number(figures, 'withheld_unmasked_worst'):.1f}",
    )
    for key in figures:
        kind, _, name = key.partition(": ")
        if kind != "differ":
            continue
        largest = _number(figures, f"largest: {name}")
        yield compared(
            AREA,
            f"Rows with another margin than LightGBM, depth {depth}, {name}",
            ours=_number(figures, key),
            peer=None,
            better="lower",
            unit="",
            now=setting.now,
            note="of 20,000, 3 columns of categories; largest difference of a contribution from "
            f"pred_contrib {largest:.0e} (2,000 rows)",
        )


def _number(figures: Figures, key: str) -> float:
    return float(figures[key])
