"""Small drawings as SVG text: lines, columns, intervals and bars; colours come from the page.

Series differ by dashes and fillings as well as by colour. Every drawing says what it is in `title`; its
numbers stand in the table behind it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10

import numpy as np
from markupsafe import Markup, escape

from models.arrays import FloatArray
from models.text import width_of

_WIDTH, _HEIGHT = 560, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 14, 30, 44
_ROW, _LABEL, _VALUE = 24, 210, 60
_TICKS = 4
_NICE = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)

Written = Callable[[float], str]


@dataclass(frozen=True)
class Line:
    """A curve: points of shape (n,), finite; series are told apart by their place."""

    name: str
    x: FloatArray
    y: FloatArray


@dataclass(frozen=True)
class Axes:
    """Words, ends and numbers of the two axes."""

    x_label: str
    y_label: str
    x_span: tuple[float, float]
    y_span: tuple[float, float]
    write_x: Written
    write_y: Written


@dataclass(frozen=True)
class Whisker:
    """A share with its interval, and what was expected."""

    name: str
    low: float
    value: float
    high: float
    expected: float


@dataclass(frozen=True)
class Bar:
    """A bar from `start` to `end`; `is_whole` marks a total."""

    name: str
    start: float
    end: float
    written: str
    is_whole: bool = False


def draw_lines(title: str, lines: Sequence[Line], axes: Axes, *, has_dots: bool = False) -> Markup:
    """Curves over one pair of axes."""
    parts = [
        _frame(axes),
        _legend([line.name for line in lines[: len(lines) if len(lines) > 1 else 0]]),
    ]
    for place, line in enumerate(lines):
        x, y = _placed(line.x, axes.x_span, _x), _placed(line.y, axes.y_span, _y)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline class="s{place}" points="{points}"/>')
        if has_dots:
            parts += [
                f'<circle class="d{place}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>'
                for a, b in zip(x, y, strict=True)
            ]
    return _drawing(title, _HEIGHT, parts)


def draw_columns(
    title: str,
    names: Sequence[str],
    series: Sequence[tuple[str, FloatArray]],
    label: str,
    written: Written,
) -> Markup:
    """Columns side by side, a group a name; heights are shares of 1."""
    top = round_top(max(float(values.max(initial=0.0)) for _, values in series))
    axes = Axes("", label, (0, len(names)), (0, top), lambda _: "", written)
    wide = (_x(1) - _x(0)) / len(names)
    thin = 0.8 * wide / len(series)
    parts = [_frame(axes), _legend([name for name, _ in series], is_filled=True)]
    for place, (_, values) in enumerate(series):
        for at, value in enumerate(values.tolist()):
            high = _y(0) - _y(value / top)
            left = _x(0) + at * wide + 0.1 * wide + place * thin
            parts.append(
                f'<rect class="f{place}" x="{left:.1f}" y="{_y(0) - high:.1f}" width="{thin:.1f}" '
                f'height="{high:.1f}"/>'
            )
    return _drawing(title, _HEIGHT, [*parts, *_names(names)])


def draw_whiskers(
    title: str, whiskers: Sequence[Whisker], words: tuple[str, str, str], written: Written
) -> Markup:
    """Shares with intervals on a logarithmic axis; what is expected is a bar across.

    Parameters
    ----------
    words : tuple of str
        Axis, what was observed, what was expected.
    """
    least = min(w.expected for w in whiskers)
    span = (float(floor(log10(least / 3))), 0.0)

    def at(share: float) -> float:
        return float(_placed(np.array([log10(max(share, 10 ** span[0]))]), span, _y)[0])

    axes = Axes("", words[0], (0, 1), span, lambda _: "", lambda power: written(10**power))
    parts = [_frame(axes, y_ticks=int(span[1] - span[0])), _legend([words[1], words[2]])]
    wide = (_x(1) - _x(0)) / len(whiskers)
    for place, w in enumerate(whiskers):
        middle = _x(0) + (place + 0.5) * wide
        parts += [
            f'<line class="s0" x1="{middle:.1f}" x2="{middle:.1f}" y1="{at(w.low):.1f}" y2="{at(w.high):.1f}"/>',
            f'<circle class="d0" cx="{middle:.1f}" cy="{at(w.value):.1f}" r="4"/>',
            f'<line class="s1" x1="{middle - wide / 3:.1f}" x2="{middle + wide / 3:.1f}" '
            f'y1="{at(w.expected):.1f}" y2="{at(w.expected):.1f}"/>',
        ]
    return _drawing(title, _HEIGHT, [*parts, *_names([w.name for w in whiskers])])


def draw_bars(title: str, bars: Sequence[Bar]) -> Markup:
    """Bars to both sides of 0, or steps of a waterfall."""
    ends = [bar.end for bar in bars] + [bar.start for bar in bars]
    low, high = min(ends), max(ends)
    wide = (_WIDTH - _LABEL - _VALUE) / ((high - low) or 1.0)
    parts: list[str] = []
    for place, bar in enumerate(bars):
        top = 6 + place * _ROW
        left = _LABEL + (min(bar.start, bar.end) - low) * wide
        length = max(abs(bar.end - bar.start) * wide, 1.0)
        kind = "whole" if bar.is_whole else "up" if bar.end >= bar.start else "down"
        parts += [
            f'<text x="{_LABEL - 8}" y="{top + 14}" text-anchor="end">{escape(_short(bar.name))}</text>',
            f'<rect class="{kind}" x="{left:.1f}" y="{top + 3}" width="{length:.1f}" height="15"/>',
            f'<text x="{left + length + 5:.1f}" y="{top + 14}">{escape(bar.written)}</text>',
        ]
    return _drawing(title, 12 + len(bars) * _ROW, parts)


def round_top(most: float) -> float:
    """End of an axis from 0 whose ticks are round numbers.

    Examples
    --------
    >>> [round_top(most) for most in (0.43, 0.07, 0.0)]
    [0.6, 0.08, 1.0]
    """
    if not most > 0:
        return 1.0
    unit = 10 ** floor(log10(most / _TICKS))
    wanted = round(most / _TICKS / unit, 9)
    step = next(nice for nice in _NICE if nice >= wanted)
    return float(f"{_TICKS * step * unit:.9g}")


def _drawing(title: str, height: int, parts: Sequence[str]) -> Markup:
    """Everything in `parts` is our own text or escaped."""
    body = "".join(parts)
    name = escape(title)
    return Markup(  # noqa: S704 - see above
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{name}">'
        f"<title>{name}</title>{body}</svg>"
    )


def _frame(axes: Axes, *, y_ticks: int = _TICKS) -> str:
    """Axes with their numbers and words."""
    parts = [f'<path class="axis" d="M{_x(0)} {_y(1)}V{_y(0)}H{_x(1)}"/>']
    for step in range(y_ticks + 1):
        share = step / y_ticks
        value = axes.y_span[0] + share * (axes.y_span[1] - axes.y_span[0])
        parts.append(
            f'<path class="grid" d="M{_x(0)} {_y(share):.1f}H{_x(1)}"/><text x="{_x(0) - 6}" '
            f'y="{_y(share) + 4:.1f}" text-anchor="end">{escape(axes.write_y(value))}</text>'
        )
    for step in range(_TICKS + 1):
        share = step / _TICKS
        value = axes.x_span[0] + share * (axes.x_span[1] - axes.x_span[0])
        anchor = "start" if step == 0 else "end" if step == _TICKS else "middle"
        parts.append(
            f'<text x="{_x(share):.1f}" y="{_y(0) + 16}" text-anchor="{anchor}">'
            f"{escape(axes.write_x(value))}</text>"
        )
    middle = (_x(0) + _x(1)) / 2
    return "".join(parts) + (
        f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(axes.x_label)}</text>'
        f'<text x="4" y="14">{escape(axes.y_label)}</text>'
    )


def _legend(names: Sequence[str], *, is_filled: bool = False) -> str:
    """Names of the series along the top, from the right."""
    parts: list[str] = []
    right = float(_x(1))
    for place in reversed(range(len(names))):
        right -= 6 + 7 * width_of(names[place])
        sample = (
            f'<rect class="f{place}" x="{right - 18:.0f}" y="6" width="12" height="9"/>'
            if is_filled
            else f'<line class="s{place}" x1="{right - 24:.0f}" x2="{right - 4:.0f}" y1="10" y2="10"/>'
        )
        parts.append(f'{sample}<text x="{right:.0f}" y="14">{escape(names[place])}</text>')
        right -= 34
    return "".join(parts)


def _names(names: Sequence[str]) -> list[str]:
    wide = (_x(1) - _x(0)) / len(names)
    return [
        f'<text x="{_x(0) + (at + 0.5) * wide:.1f}" y="{_y(0) + 16}" text-anchor="middle">{escape(name)}</text>'
        for at, name in enumerate(names)
    ]


def _placed(
    values: FloatArray, span: tuple[float, float], to: Callable[[float], float]
) -> list[float]:
    low, high = span
    shares = (values - low) / ((high - low) or 1.0)
    return [to(share) for share in np.clip(shares, 0.0, 1.0).tolist()]


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _short(name: str, room: int = 28) -> str:
    """Cut a name to what fits; the whole one is in the table."""
    if width_of(name) <= room:
        return name
    while width_of(name) >= room:
        name = name[:-1]
    return name + "…"
