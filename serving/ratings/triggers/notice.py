"""What an institution is told when a firm was rated again for it."""

from collections.abc import Sequence

from serving.ratings.repository import Rating
from serving.ratings.triggers.repository import Before, Trigger
from serving.webhooks.outbox import Notice

KIND = "rating.issued"
#: An enterprise has one newest rating: a notice of an older one that has not left is of no use.
THING = "rating"


def notice_of(rating: Rating, before: Before | None, triggers: Sequence[Trigger]) -> Notice:
    """The notice of a new rating: what it says, what the one before said, and why there is a new one.

    Of what happened it names the kind, the dataset and the day, and no value. It leaves only while
    everything the rating was made from is open. The one before is not told where it was made from more.

    Parameters
    ----------
    before : Before or None
        The latest rating for the same institution and purpose.
    triggers : sequence of Trigger
        Those the institution may know.
    """
    is_told = before is not None and set(before.opened) <= set(rating.opened)
    return Notice(
        institution=rating.institution,
        kind=KIND,
        stream=rating.uscc,
        thing=THING,
        uscc=rating.uscc,
        needs=frozenset(rating.opened),
        body={
            "rating_id": rating.rating_id,
            "uscc": rating.uscc,
            "grade": rating.grade,
            "score": rating.score,
            "before": _told(before) if before is not None and is_told else None,
            "as_of": rating.as_of.isoformat(),
            "rated_at": rating.rated_at.isoformat(),
            "valid_until": rating.valid_until.isoformat(),
            "model": rating.model,
            "causes": _causes(triggers),
        },
    )


def _told(before: Before) -> dict[str, object]:
    return {
        "rating_id": before.rating_id,
        "grade": before.grade,
        "score": before.score,
        "as_of": before.as_of.isoformat(),
    }


def _causes(triggers: Sequence[Trigger]) -> list[dict[str, str]]:
    found = {(one.happened_on.isoformat(), one.cause, one.what) for one in triggers}
    return [{"cause": cause, "what": what, "on": day} for day, cause, what in sorted(found)]
