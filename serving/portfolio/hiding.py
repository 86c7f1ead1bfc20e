"""Small counts kept from whoever is not to know single customers."""

from collections.abc import Sequence


def hide_small(counts: Sequence[int], least: int) -> list[int | None]:
    """Counts of one column, those from 1 to `least` - 1 as None.

    Where one alone would be hidden it could be reckoned from the total, so the smallest of the others is
    hidden with it. Zero hides nobody and stays.

    Parameters
    ----------
    counts : sequence of int
        That add up to a total which is told as well.
    least : int
        The smallest count that is told; 1 tells everything.

    Examples
    --------
    >>> hide_small([12, 0, 3, 40], 10)
    [None, 0, None, 40]
    >>> hide_small([12, 5, 3, 40], 10), hide_small([12, 10], 10)
    ([12, None, None, 40], [12, 10])
    """
    told: list[int | None] = [None if 0 < count < least else count for count in counts]
    if told.count(None) == 1:
        others = [place for place, count in enumerate(told) if count]
        if others:
            told[min(others, key=lambda place: counts[place])] = None
    return told
