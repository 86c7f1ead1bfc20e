"""The one place where an alert becomes what a lender reads: in a notice, over HTTP and on a page."""

from collections.abc import Mapping, Sequence

from models.signals.duties import load_levels
from serving.alerts.evidence import words_of
from serving.alerts.kinds import kind_of
from serving.alerts.rows import Alert

#: Where the enterprise objects to a record, or to a rating.
DISPUTE_LINK = "/me/disputes"
#: A warning never changes a loan by itself.
FOR_REFERENCE = {
    "zh": "预警仅供参考，不构成对贷款的处置要求。",
    "en": "A warning is for reference; by itself it changes no loan.",
}


def alert_body(
    alert: Alert, loan_ids: Sequence[str], *, closed: Sequence[str] = ()
) -> Mapping[str, object]:
    """The whole state of an alert.

    Parameters
    ----------
    loan_ids : sequence of str
        The institution's own numbers of the loans, nobody else's.
    closed : sequence of str
        Scopes that are not open now; then what was seen is withheld, and these are named.
    """
    words = load_levels().levels[alert.standing.level].words
    return {
        "alert_id": alert.alert_id,
        "enterprise": {"uscc": alert.uscc, "name": alert.name},
        "loan_ids": list(loan_ids),
        "level": alert.standing.level,
        "level_zh": words.zh,
        "level_en": words.en,
        "state": alert.standing.state,
        "outcome": alert.standing.outcome,
        "data_date": alert.found_on.isoformat(),
        "began_at": alert.standing.began_at.isoformat(timespec="seconds"),
        "acknowledge_by": _moment(alert.standing.acknowledge_by),
        "handle_by": _moment(alert.standing.handle_by),
        "closed_at": _moment(alert.standing.closed_at),
        "reopened": alert.standing.reopened,
        "repeats": alert.standing.repeats,
        "need_authorisation": sorted(closed),
        "seen": None if closed else _seen(alert),
        "dispute_link": DISPUTE_LINK,
        "for_reference": FOR_REFERENCE,
    }


def _seen(alert: Alert) -> Mapping[str, object]:
    """What was seen. A repaired record is not told of again, and so neither is what rested on it."""
    kind = kind_of(alert.signal)
    is_gone = alert.standing.outcome == "repaired"
    return {
        "signal": alert.signal,
        "signal_zh": kind.words.zh,
        "signal_en": kind.words.en,
        "dimension": alert.dimension,
        "evidence": [] if is_gone else [_told(one) for one in alert.evidence],
        "says": [] if is_gone else _sentences(alert.says),
        "since_grant": [] if is_gone else _sentences(alert.since_grant),
        "model": alert.model or None,
        "suggestion_zh": kind.suggestion.zh,
        "suggestion_en": kind.suggestion.en,
    }


def _sentences(pairs: Sequence[Sequence[str]]) -> list[Mapping[str, str]]:
    return [{"zh": zh, "en": en} for zh, en in pairs]


def _told(shown: Mapping[str, str]) -> Mapping[str, str]:
    words = words_of(shown["name"])
    return {
        "name": shown["name"],
        "name_zh": words.zh,
        "name_en": words.en,
        "value_zh": shown["zh"],
        "value_en": shown["en"],
    }


def _moment(at: object) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}"
