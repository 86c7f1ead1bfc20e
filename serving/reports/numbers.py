"""A report's number: its year, a running number and a check character, so that a slip of the pen is seen."""

import re

_FORM = re.compile(r"XQ-(\d{4})-(\d{8})-([0-9X])")
FORM = "^XQ-[0-9]{4}-[0-9]{8}-[0-9X]$"


def report_number(year: int, running: int) -> str:
    """The number of a report.

    Examples
    --------
    >>> report_number(2026, 123)
    'XQ-2026-00000123-X'
    """
    return f"XQ-{year:04d}-{running:08d}-{check_character(f'{year:04d}{running:08d}')}"


def is_number(text: str) -> bool:
    """Whether a text has the form of a number, and its check character is right."""
    found = _FORM.fullmatch(text)
    return found is not None and check_character(found[1] + found[2]) == found[3]


def check_character(digits: str) -> str:
    """ISO/IEC 7064 MOD 11-2, as on Chinese ID cards: every wrong digit and every swap of neighbours shows.

    Examples
    --------
    >>> check_character("0794")
    '0'
    """
    product = 0
    for digit in digits:
        product = (product + int(digit)) * 2 % 11
    return "0123456789X"[(12 - product) % 11]
