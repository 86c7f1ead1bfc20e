"""A rating as its document: what is sent, kept word for word, and can be recomputed.

Built as plain dictionaries, which is the quick way; `schemas.RatingDocument` describes it and a test
holds every document against it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydantic_core import to_json

from features.contracts import Words
from models.explain import Explanation, ReasonRow, explain
from models.knockouts import Knockout
from models.record import VALID_DAYS
from serving.ratings.desk import Desk, Rated
from serving.ratings.sight import Opened, Sight

Document = dict[str, object]


@dataclass(frozen=True)
class About:
    """What a rating says of its asking.

    Attributes
    ----------
    is_public_only : bool
        Asked for without a consent; such a rating is always of low confidence.
    """

    rating_id: str
    uscc: str
    purpose: str
    need_id: str
    opened: Opened
    consents: tuple[str, ...]
    rated_at: datetime
    is_public_only: bool = False


def rating_document(desk: Desk, sight: Sight, rated: Rated, about: About) -> Document:
    """Everything a rating says.

    Returns
    -------
    dict
        `base_points` plus the listed reasons, `others` and `points_limit` is `score`.
    """
    bundle, ratings = desk.bundle, rated.ratings
    manifest, scale, layout = bundle.manifest, bundle.scale, bundle.layout
    model_grade, day = str(ratings.grade[0]), rated.facts.as_of_date
    letter = scale.grade(rated.grade)
    confidence = "L" if about.is_public_only else ratings.confidence
    points = dict(zip(layout.groups, ratings.group_points[0].tolist(), strict=True))
    values = dict(zip(layout.features, rated.values.tolist(), strict=True))
    return {
        "rating_id": about.rating_id,
        "uscc": about.uscc,
        "purpose": about.purpose,
        "need_id": about.need_id,
        "scope": about.opened.kind,
        "is_public_only": about.is_public_only,
        "as_of": day.isoformat(),
        "rated_at": about.rated_at.isoformat(),
        "valid_until": valid_until(day).isoformat(),
        "score": int(ratings.score[0]),
        "grade": rated.grade,
        "grade_words": _words(letter.label),
        "suggested_use": _words(letter.suggested_use),
        "model_grade": model_grade,
        "grade_range": list(scale.grade_range(model_grade)) if confidence == "L" else None,
        "capped_by": [_knockout(one) for one in rated.knockouts.holding_at(0)],
        "unknown_knockouts": [_knockout(one) for one in rated.knockouts.unknown_at(0)],
        "probability_kind": manifest.probability_kind,
        "probability": float(ratings.probability[0]),
        "probability_low": _number(float(ratings.probability_low[0])),
        "probability_high": _number(float(ratings.probability_high[0])),
        "interval_level": manifest.interval_level,
        "label": _words(manifest.label),
        "base_points": ratings.base_points,
        "base_points_full_scope": ratings.base_points_full_scope,
        "points": points,
        "points_limit": int(ratings.points_limit[0]),
        "reasons": _reasons(explain(bundle.reasons, points, values, withheld=sight.hidden_groups)),
        "portrait": _portrait(desk, rated),
        "coverage": ratings.coverage,
        "confidence": confidence,
        "withheld": sorted(sight.withheld),
        "need_authorisation": list(sight.need_authorisation),
        "consents": list(about.consents),
        "model": f"{manifest.name}@{manifest.version}",
        "bundle_id": bundle.id,
        "online_build": rated.facts.build,
        "lake_version": desk.stale.lake_version,
        "feature_hash": rated.feature_hash,
        "disclaimer": _words(manifest.disclaimer),
    }


def as_text(document: Document) -> str:
    """The document as it is sent and kept."""
    return to_json(document).decode()


def valid_until(day: date) -> date:
    """The last day a rating counts."""
    return day + timedelta(days=VALID_DAYS)


def _words(words: Words) -> dict[str, str]:
    return {"zh": words.zh, "en": words.en}


def _number(value: float) -> float | None:
    """None for NaN, which JSON does not have."""
    return None if value != value else value  # noqa: PLR0124 - NaN alone differs from itself


def _knockout(one: Knockout) -> Document:
    return {"code": one.code, "words": _words(one.words), "grade_at_most": one.grade_at_most}


def _reasons(found: Explanation) -> Document:
    return {
        "negative": _rows(found.negative),
        "positive": _rows(found.positive),
        "others": {"groups": found.other_groups, "points": found.other_points},
        "withheld": [{"code": code, "title": _words(title)} for code, title in found.withheld],
        "advice": [{"code": code, "advice": _words(advice)} for code, advice in found.advice],
    }


def _rows(rows: Iterable[ReasonRow]) -> list[Document]:
    return [
        {
            "code": row.code,
            "title": _words(row.title),
            "points": row.points,
            "facts": [_words(fact) for fact in row.facts],
        }
        for row in rows
    ]


def _portrait(desk: Desk, rated: Rated) -> Document:
    drawn, peers = rated.portraits, rated.portraits.peers()
    dimensions: list[Document] = []
    for name, one in desk.bundle.portrait_rules.dimensions.items():
        found = drawn.position(name)
        position, absent = (found, None) if isinstance(found, int) else (None, found)
        dimensions.append(
            {"code": name, "words": _words(one.words), "position": position, "absent": absent}
        )
    return {"peers": None if peers is None else peers.code, "dimensions": dimensions}
