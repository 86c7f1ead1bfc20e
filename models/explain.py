"""Points become sentences a credit officer can check: facts with bands, never raw numbers.

The points of a reason group say only that it helps or hurts compared with the reference firms. What
is said beside them is a fact about the firm, printed only while its condition holds.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice

from features.contracts import Words
from models.reasons import Reasons, Side

#: Groups listed on each side of a card; the rest is one row.
LISTED_GROUPS = 4
#: Facts printed for one group.
LISTED_SENTENCES = 2


@dataclass(frozen=True)
class ReasonRow:
    """One reason group on a card.

    Parameters
    ----------
    points : int
        Negative lowers the score.
    facts : tuple of Words
        What holds, or the one comparison with the reference firms where nothing does.
    """

    code: str
    title: Words
    points: int
    facts: tuple[Words, ...]


@dataclass(frozen=True)
class Explanation:
    """Why a score is what it is; `negative`, `positive` and `other_points` add up to all groups.

    Parameters
    ----------
    negative, positive : tuple of ReasonRow
        At most four each, largest first.
    other_points, other_groups : int
        Sum and number of the groups not listed.
    withheld : tuple of (str, Words)
        Code and title of groups whose data were not authorised.
    advice : tuple of (str, Words)
        One line for each negative group.
    """

    negative: tuple[ReasonRow, ...]
    positive: tuple[ReasonRow, ...]
    other_points: int
    other_groups: int
    withheld: tuple[tuple[str, Words], ...]
    advice: tuple[tuple[str, Words], ...]


def explain(
    reasons: Reasons,
    group_points: Mapping[str, int],
    values: Mapping[str, float | None],
    withheld: Collection[str] = (),
) -> Explanation:
    """Choose the groups and the sentences of a card.

    Parameters
    ----------
    reasons : Reasons
    group_points : mapping of str to int
        Points by reason code.
    values : mapping of str to float
        Feature values of the firm; None or NaN where missing.
    withheld : collection of str
        Codes of groups whose data the scope does not open.

    Returns
    -------
    Explanation
        Ties between groups go to the earlier code; a group with 0 points is never listed.
    """
    ordered = sorted(group_points, key=lambda code: (-abs(group_points[code]), code))
    down = [code for code in ordered if group_points[code] < 0][:LISTED_GROUPS]
    up = [code for code in ordered if group_points[code] > 0][:LISTED_GROUPS]
    others = [code for code in ordered if code not in {*down, *up} and code not in withheld]

    def row(code: str, side: Side) -> ReasonRow:
        group = reasons.groups[code]
        held = (s for s in group.sentences if s.side == side and s.holds(values))
        facts = tuple(reasons.words_of(s, values) for s in islice(held, LISTED_SENTENCES))
        return ReasonRow(code, group.title, group_points[code], facts or (reasons.fallback[side],))

    return Explanation(
        negative=tuple(row(code, "weak") for code in down),
        positive=tuple(row(code, "strong") for code in up),
        other_points=sum(group_points[code] for code in others),
        other_groups=len(others),
        withheld=tuple((code, reasons.groups[code].title) for code in sorted(withheld)),
        advice=tuple((code, reasons.groups[code].advice) for code in down),
    )
