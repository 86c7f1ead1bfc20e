"""Deciding about matches: who may have one, and who may read it again."""

from collections.abc import Sequence

import numpy as np
from pydantic_core import to_json

from features.scope import Purpose
from models.arrays import BoolArray
from models.matching.facts import load_facts
from serving.access.decision import Resource, not_found
from serving.auth.marks import new_id
from serving.errors import MalformedError
from serving.look import Look
from serving.matching.admitting import Sight, take_sight, wish_of
from serving.matching.channels import channel_codes
from serving.matching.document import match_document, valid_until
from serving.matching.repository import INSERT, Match, find_match, values_of
from serving.matching.schemas import FactAnswer, MatchRequest, Wording
from serving.matching.versions import shelf_hash
from serving.reports.sealing import seal_text, unseal_text

FIELDS = ("match",)


async def give_match(look: Look, asked: MatchRequest) -> tuple[Match, str]:
    """Match a need with products for the caller, and keep the answer.

    Returns
    -------
    Match, str
        As kept, and its document.

    Raises
    ------
    NotFoundError
        For a firm of that code nowhere on the register, or another's.
    NeedAuthorisationError
        For an institution without a live consent for the purpose.
    MalformedError
        If a fact, a purpose, a product or a channel is not what it must be.
    """
    sight = await take_sight(look, wish_of(look, asked))
    match_id = new_id("M")
    document, codes = match_document(sight, within(sight, asked), asked, match_id, look.now)
    text = to_json(document).decode()
    kept = _kept(look, sight, codes, text, match_id)
    look.at_last(INSERT, values_of(kept))
    look.says(fields=FIELDS, match=match_id, shelf=kept.shelf[:12], products=len(codes))
    return kept, text


async def read_match(look: Look, match_id: str) -> tuple[Match, str]:
    """A match for whoever may still read it: the firm, or who asked while all it was made from is open.

    Raises
    ------
    NotFoundError
        If there is none, or none of the caller's.
    NeedAuthorisationError
        If a scope it was made from has been closed since.
    """
    match = await find_match(look.connection, match_id)
    if match is None:
        raise not_found()
    await look.allow(
        Resource(
            uscc=match.uscc,
            institution=match.institution,
            needs=frozenset(match.opened),
            purpose=Purpose(match.purpose),
        )
    )
    look.says(fields=FIELDS, match=match_id)
    return match, unseal_text(look.house.vault, match_id, match.document)


def within(sight: Sight, asked: MatchRequest) -> BoolArray:
    """Products that are asked for among those the caller is shown, shape (p,).

    Raises
    ------
    MalformedError
        If a product is not shown to the caller, or there is no such channel.
    """
    shown, products = sight.shown, sight.shelf.shelf.products
    codes = {entry.code for place, (entry, _) in enumerate(products) if shown[place]}
    if set(asked.products) - codes:
        raise malformed("products", "names a product you are not shown.", "含有不可见的产品。")
    if asked.channel is not None and asked.channel not in channel_codes():
        raise malformed("channel", "names no channel.", "没有该专栏。")
    chosen = [
        (not asked.products or entry.code in asked.products)
        and (asked.channel is None or asked.channel in entry.channels)
        for entry, _ in products
    ]
    return shown & np.array(chosen, dtype=np.bool_)


def facts_to_say() -> list[FactAnswer]:
    """What may be said with a need."""
    entries = load_facts().of("need", "offer", "firm", "institution")
    return [
        FactAnswer(
            name=entry.name,
            unit=entry.unit,
            source=entry.source,
            words=Wording(zh=entry.words.zh, en=entry.words.en),
            asked=None if entry.asked is None else Wording(zh=entry.asked.zh, en=entry.asked.en),
            codes={code: Wording(zh=one.zh, en=one.en) for code, one in entry.codes.items()},
        )
        for entry in entries
    ]


def malformed(place: str, en: str, zh: str) -> MalformedError:
    """A member of the body that is not what it must be."""
    return MalformedError(
        en=f"body.{place} {en}",
        zh=f"body.{place} {zh}",
        details={"fields": [{"place": f"body.{place}", "problem": "value"}]},
    )


def _kept(look: Look, sight: Sight, codes: Sequence[str], text: str, match_id: str) -> Match:
    return Match(
        match_id=match_id,
        uscc=sight.firm.uscc,
        institution=sight.wish.institution,
        asked_by=look.caller.id,
        scope=sight.opened.kind,
        opened=sorted(sight.opened.scopes),
        consents=list(sight.consent.ids),
        purpose=str(sight.wish.asked.purpose),
        as_of=sight.firm.as_of_date,
        made_at=look.now,
        valid_until=valid_until(look.now.date()),
        lake_version=sight.desk.stale.lake_version,
        bundle_id=sight.desk.bundle.id,
        shelf=shelf_hash(sight.shelf),
        inputs_hash=sight.inputs_hash,
        eligible=list(codes),
        document=seal_text(look.house.vault, match_id, text),
    )
