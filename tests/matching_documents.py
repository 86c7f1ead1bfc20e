"""A match as it is kept, for tests that are about something else."""

import json
from datetime import datetime

_WORDS = {"zh": "说明", "en": "words"}


def match_document_by_hand(match_id: str, uscc: str, now: datetime, **more: object) -> str:
    """A match that found nothing; `more` are members that are otherwise than here."""
    counts = ("products", "eligible", "near", "need_authorisation", "need_data", "not_eligible")
    sections = ("eligible", "near", "need_authorisation", "need_data")
    day = now.date().isoformat()
    told: dict[str, object] = {
        "match_id": match_id,
        "uscc": uscc,
        "scope": "grantee",
        "purpose": "apply",
        "as_of": day,
        "made_at": now.isoformat(),
        "valid_until": day,
        "order": "plain",
        "channel": None,
        "need": {"amount_cny": "500000.00", "term_months": 12, "purpose": "operation"},
        "offers": {},
        "statements": {},
        "grade": None,
        "counts": dict.fromkeys(counts, 0),
        **{name: list[str]() for name in sections},
        "consents": ["C-0"],
        "inputs_hash": "0" * 64,
        "versions": {
            "shelf": "s",
            "lake_version": 1,
            "model": "m@1",
            "bundle_id": "b",
            "ranking": "plain",
        },
        "disclaimer": _WORDS,
    }
    return json.dumps(told | more)
