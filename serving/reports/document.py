"""A report as its document: plain JSON, of which the canonical text is kept and hashed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from features.contracts import Words
from serving.reports.beside import Beside
from serving.reports.cut import Cut, Row, Told, View
from serving.reports.sections import Figure, Layout, Section
from serving.reports.values import number

Json = dict[str, object]
KIND = "standard_credit_report"


@dataclass(frozen=True)
class About:
    """What the cover says."""

    number: str
    uscc: str
    purpose: str
    grantee: str
    made_at: datetime
    consents: tuple[str, ...]
    profile: str


@dataclass(frozen=True)
class Ingredients:
    """Everything a report is made of."""

    layout: Layout
    sections: Sequence[Section]
    view: View
    cut: Cut
    rating: Mapping[str, object] | None
    beside: Beside


def report_document(made: Ingredients, about: About) -> Json:
    """The report; no number in it is a binary fraction, so that its text can be made again anywhere."""
    valid_until = about.made_at.date() + timedelta(days=made.layout.document.validity_days)
    return {
        "kind": KIND,
        "version": made.layout.document.version,
        "number": about.number,
        "uscc": about.uscc,
        "name": made.cut.name,
        "purpose": about.purpose,
        "scope": made.view.kind,
        "opened": sorted(made.view.scopes),
        "grantee": about.grantee,
        "profile": about.profile,
        "consents": list(about.consents),
        "made_at": about.made_at.isoformat(timespec="seconds"),
        "valid_until": valid_until.isoformat(),
        "lake_version": made.cut.lake_version,
        "sections": [_section(section, made) for section in made.sections],
    }


def canonical(document: object) -> str:
    """The one text of a document: keys in order, no blanks.

    Examples
    --------
    >>> canonical({"b": [1, None], "a": "信"})
    '{"a":"信","b":[1,null]}'
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def digest(text: str) -> str:
    """SHA-256 of a text [hex]."""
    return hashlib.sha256(text.encode()).hexdigest()


def _section(section: Section, made: Ingredients) -> Json:
    head: Json = {"number": section.number, "code": section.code, "title": _words(section.title)}
    own = {
        "rating": lambda: {"rating": _exact(made.rating)},
        "objections": lambda: _objections(made),
        "sources": lambda: {"sources": _sources(made)},
        "notes": lambda: {"notes": [_words(note) for note in made.layout.document.notes]},
    }.get(section.code)
    parts = [_part(told, made) for told in made.cut.parts.get(section.code, ())]
    return head | ({"parts": parts} if parts else {}) | (own() if own else {})


def _part(told: Told, made: Ingredients) -> Json:
    document = told.dataset.document
    head: Json = {
        "dataset": told.dataset.name,
        "title": _words(document.title),
        "state": told.state,
    }
    if told.state == "need_authorisation":
        return head | {"need_authorisation": document.consent_scope}
    if told.state != "shown":
        return head
    if told.figures:
        return head | {"figures": [_figure(one, value, made) for one, value in told.figures]}
    columns = [told.dataset.columns[name] for name in told.part.columns]
    return head | {
        "total": told.total,
        "columns": [
            {
                "name": name,
                "title": {"zh": c.zh, "en": c.en},
                "unit": c.unit,
                "treatment": treatment,
            }
            for (name, treatment), c in zip(told.part.columns.items(), columns, strict=True)
        ],
        "rows": [_row(told, row, made.beside) for row in told.rows],
    }


def _figure(figure: Figure, value: object, made: Ingredients) -> Json:
    told: object = value
    if figure.band is not None and value is not None:
        told = _words(made.layout.document.bands[figure.band].words(value))
    return {"title": _words(figure.title), "treatment": figure.treatment, "value": told}


def _row(told: Told, row: Row, beside: Beside) -> Json:
    """A record's values, what doubts it and what the firm says of it."""
    marks, statements = beside.of(told.dataset.name, row.key)
    shown: Json = {"values": list(row.values)}
    if marks:
        shown["marks"] = [
            {"mark": one.mark, "since": one.since.date().isoformat()} for one in marks
        ]
    if statements:
        shown["statements"] = [one.text for one in statements]
    return shown


def _objections(made: Ingredients) -> Json:
    """Marks and statements on whatever this look may know of, also where its rows are not listed."""
    withheld = made.view.withheld(made.layout.catalogue)
    titles = {one.name: _words(one.document.title) for one in made.layout.catalogue}
    return {
        "marks": [
            {
                "dataset": one.record.dataset,
                "title": titles[one.record.dataset],
                "mark": one.mark,
                "since": one.since.date().isoformat(),
            }
            for one in made.beside.marks
            if one.record.dataset not in withheld
        ],
        "statements": [
            {
                "dataset": one.record.dataset,
                "title": titles[one.record.dataset],
                "text": one.text,
                "made_on": one.made_at.date().isoformat(),
            }
            for one in made.beside.statements
            if one.record.dataset not in withheld
        ],
    }


def _sources(made: Ingredients) -> list[Json]:
    """Each dataset that is told of once: who provides it, until when it is known, which deliveries it came with."""
    found: dict[str, Json] = {}
    for told in (one for parts in made.cut.parts.values() for one in parts):
        if told.state == "shown" and told.known_until is not None:
            found[told.dataset.name] = {
                "dataset": told.dataset.name,
                "title": _words(told.dataset.document.title),
                "provider": _words(told.dataset.document.provider),
                "known_until": told.known_until.date().isoformat(),
                "deliveries": len(told.batches),
                "last_delivery": told.batches[-1],
            }
    return list(found.values())


def _words(words: Words) -> Json:
    return {"zh": words.zh, "en": words.en}


def _exact(value: object) -> object:
    """The same without binary fractions."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return {str(name): _exact(one) for name, one in value.items()}  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    if isinstance(value, list):
        return [_exact(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return value
