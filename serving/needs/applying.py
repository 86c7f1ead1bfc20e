"""Applying for a product of a firm's own match: once, however often it is pressed."""

from psycopg import Rollback

from models.matching.chances import family_of
from serving.access.decision import not_found
from serving.auth.marks import new_id
from serving.look import Look
from serving.matching.schemas import MatchDocument
from serving.matching.service import read_match
from serving.needs import repository
from serving.needs.machine import applied
from serving.needs.rows import Application, Need
from serving.needs.schemas import ApplicationMade, NeedMade
from serving.needs.service import find_need, make_need, offered, refused, write_event
from serving.needs.telling import tell


async def apply(look: Look, made: ApplicationMade) -> tuple[Application, bool]:
    """Apply for a product of the firm's own match; who has applied already gets that application.

    Returns
    -------
    tuple of (Application, bool)
        And whether it is new.

    Raises
    ------
    NotFoundError
        If need or match is not the firm's.
    ConflictError
        If the match has run out or does not show the product, or no lender offers it now.
    """
    need = await find_need(look, made.need_id)
    new = await _apply(look, need, made.match_id, made.product)
    if new is None:
        return await _open_one(look, need.uscc, made.product), False
    return new, True


async def apply_from(look: Look, match_id: str, product: str) -> Application:
    """Apply for a product of the firm's own match with the need and the statements it was made for.

    Who has applied already gets that application, and no second need is kept.

    Raises
    ------
    NotFoundError
        If the match is not one the firm made itself.
    ConflictError
        As `apply` does.
    """
    match, text = await read_match(look, match_id)
    if match.institution:
        raise not_found()
    told = MatchDocument.model_validate_json(text)
    stated = NeedMade(uscc=match.uscc, need=told.need, statements=told.offers | told.statements)
    new = None
    async with look.connection.transaction() as attempt:
        need = await make_need(look, stated, "page")
        new = await _apply(look, need, match_id, product)
        if new is None:
            # The open application has a need of its own.
            raise Rollback(attempt)
    found = new or await _open_one(look, match.uscc, product)
    look.says(need_id=found.need_id)
    return found


async def _apply(look: Look, need: Need, match_id: str, product: str) -> Application | None:
    """A new application; None if one for the product is open.

    Raises
    ------
    NotFoundError, ConflictError
        As `apply`.
    """
    shown = await repository.shown_in(look.connection, match_id, need.uscc)
    if shown is None:
        raise not_found()
    if shown.valid_until < look.now.date():
        raise refused("match_expired")
    if product not in shown.eligible:
        raise refused("not_in_match")
    offer = (await offered(look)).get(product)
    if offer is None or not offer.entry.institution:
        raise refused("no_lender")
    application = Application(
        application_no=0,
        application_id=new_id("Q"),
        need_id=need.need_id,
        match_id=match_id,
        uscc=need.uscc,
        institution=offer.entry.institution,
        product=product,
        family=family_of(offer.version),
        grade=await repository.own_grade(look.connection, need.uscc),
        standing=applied(look.now),
        applied_by=look.caller.id,
        applied_at=look.now,
    )
    look.says(fields=["application"])
    if not await repository.add_application(look.connection, application):
        return None
    await write_event(look, application, "apply", {})
    await tell(look.connection, application, need, look.now)
    return application


async def _open_one(look: Look, uscc: str, product: str) -> Application:
    """The open application of a firm for a product."""
    found = await repository.open_application(look.connection, uscc, product)
    if found is None:
        raise refused("just_closed")
    return found
