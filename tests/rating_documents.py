"""A rating's document as the ledger keeps it, for tests that rate nothing."""

import json
from typing import Any

from serving.ratings.schemas import RatingDocument

_SAID = {"zh": "字", "en": "word"}


def reason(points: int, code: str = "R07") -> dict[str, Any]:
    """One group of reasons."""
    return {"code": code, "title": _SAID, "points": points, "facts": [_SAID]}


def rating_document(**changes: Any) -> str:
    """A document that adds up: 560 + (20 - 10) + 5 = 575."""
    told: dict[str, Any] = {
        "rating_id": "R-1",
        "uscc": "91371399MA0000023C",
        "purpose": "apply",
        "need_id": "",
        "scope": "grantee",
        "is_public_only": False,
        "as_of": "2026-11-20",
        "rated_at": "2026-11-20T12:00:00",
        "valid_until": "2026-12-20",
        "score": 575,
        "grade": "BB",
        "grade_words": _SAID,
        "suggested_use": _SAID,
        "model_grade": "BB",
        "grade_range": None,
        "capped_by": [],
        "unknown_knockouts": [],
        "probability_kind": "pd_12m",
        "probability": 0.045,
        "probability_low": 0.02,
        "probability_high": 0.06,
        "interval_level": 0.9,
        "label": _SAID,
        "base_points": 560,
        "base_points_full_scope": 560,
        "points": {"R07": 20, "R05": -10, "R08": 5},
        "points_limit": 0,
        "reasons": {
            "negative": [reason(-10, "R05")],
            "positive": [reason(20)],
            "others": {"groups": 1, "points": 5},
            "withheld": [],
            "advice": [],
        },
        "portrait": {"peers": None, "dimensions": []},
        "coverage": 1.0,
        "confidence": "H",
        "withheld": [],
        "need_authorisation": [],
        "consents": [],
        "model": "m@1",
        "bundle_id": "b",
        "online_build": "",
        "lake_version": 1,
        "feature_hash": "f",
        "disclaimer": _SAID,
        **changes,
    }
    RatingDocument.model_validate(told)
    return json.dumps(told)
