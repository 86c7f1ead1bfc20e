"""One query for several days: where the registry's queries of one family differ by day, the firm's key says which.

A query of one family for another day is the same query with other dates in it. Written once, with the dates of
each day side by side, it is planned once.
"""

import re
from collections.abc import Sequence

#: What a day can change in a query: a quoted text, a date or moment above all, or a number.
_LITERAL = re.compile(
    r"((?:\b(?:DATE|TIMESTAMP) )?'(?:[^']|'')*'|(?<![\w.\"])\d+(?:\.\d+)?(?![\w.\"]))"
)


def on_each_day(queries: Sequence[str]) -> str | None:
    """Queries that differ in literals alone, as one over firms 1 to n of which each has its own literals.

    Parameters
    ----------
    queries : sequence of str
        The query of each day, length n, reading `enterprise_key` wherever a literal stands.

    Returns
    -------
    str or None
        Of which row k is what query k says of firm k. None if the queries differ in more.

    Examples
    --------
    >>> on_each_day(["SELECT a - 3 FROM t", "SELECT a - 4 FROM t"])
    'SELECT a - [3, 4][enterprise_key] FROM t'
    >>> on_each_day(["SELECT a FROM t", "SELECT b FROM t"]) is None
    True
    """
    pieces = [_LITERAL.split(query) for query in queries]
    first = pieces[0]
    if any(one[::2] != first[::2] for one in pieces):
        return None
    said = zip(*pieces, strict=True)
    return "".join(
        each[0] if len(set(each)) == 1 else f"[{', '.join(each)}][enterprise_key]" for each in said
    )
