"""Decisions about products: who may publish what, the platform's review, and what stands on the shelf."""

from datetime import date

from models.matching.matcher import Matcher
from models.products.book import ProductEntry, load_products
from models.products.shelf import rule_of
from serving.access.callers import Role
from serving.access.decision import Resource, not_found
from serving.errors import ConflictError
from serving.look import Look
from serving.products import repository
from serving.products.checks import check_product, require_future
from serving.products.rows import VersionRow
from serving.products.schemas import NewProduct, ProductAnswer, Review, State
from serving.products.shelves import tags_on

#: Whose versions somebody who is no lender and not the platform may read: those that can be applied for.
_OPEN_STATES = frozenset({"published", "coming", "starter"})


async def check(look: Look, new: NewProduct) -> list[str]:
    """What a product would ask; nothing is kept.

    Raises
    ------
    RuleError
        With the first thing that is wrong.
    """
    await look.allow(Resource(institution=look.caller.tenant))
    entry = _entry(new, look.caller.tenant)
    check_product(entry, tags_on(look.now.date()).vocabulary)
    return asks_of(entry, look.now.date())


async def submit(look: Look, new: NewProduct) -> ProductAnswer:
    """Take a version in for review.

    Raises
    ------
    RuleError
        If it could not be matched, or begins in the past.
    ConflictError
        If the code is another's, or its product was withdrawn.
    """
    institution = look.caller.tenant
    await look.allow(Resource(institution=institution))
    entry = _entry(new, institution)
    require_future(entry, look.now.date())
    check_product(entry, tags_on(look.now.date()).vocabulary)
    starter = {one.code for one in load_products()}
    held = (
        None
        if entry.code in starter
        else await repository.claim(look.connection, entry.code, institution, look.now)
    )
    if held is None or held.institution != institution:
        raise _taken(entry.code)
    if held.withdrawn_at is not None:
        raise ConflictError(
            en=f"Product {entry.code} was withdrawn. Publish what follows it under a code of its own.",
            zh=f"产品 {entry.code} 已下架，请以新代码发布后续产品。",
            details={"code": entry.code},
        )
    number = await repository.add_version(look.connection, entry, look.caller.id, look.now)
    look.says(fields=("product",), product=entry.code, version=number)
    return answer((await repository.read_versions(look.connection, entry.code))[0], look.now.date())


async def read(look: Look, code: str) -> list[ProductAnswer]:
    """Every version of a product that the caller may know of, the latest first."""
    today = look.now.date()
    rows = await repository.read_versions(look.connection, code)
    starter = [one for one in load_products() if one.code == code]
    institution = rows[0].institution if rows else ""
    await look.allow(Resource(institution=look.caller.tenant))
    told = [answer(row, today) for row in rows if row.version] + [
        starter_answer(one, today) for one in starter
    ]
    shown = [one for one in told if _may_know(look, institution, one.state)]
    if not shown:
        raise not_found()
    look.says(fields=("product",), product=code)
    return shown


async def list_some(
    look: Look, state: str | None, after: tuple[str, int], limit: int
) -> list[VersionRow]:
    """Versions: an institution's own, or for the platform everybody's."""
    await look.allow(Resource(institution=look.caller.tenant))
    only = None if look.caller.role in {Role.OPERATOR, Role.AUDITOR} else look.caller.tenant
    return await repository.read_some(look.connection, only, state, after, limit)


async def review(look: Look, code: str, version: int, said: Review) -> ProductAnswer:
    """Publish a version or send it back.

    Raises
    ------
    ConflictError
        If it is settled already, its product was withdrawn, or another version begins on the same day.
    """
    await look.allow(Resource())
    rows = {row.version: row for row in await repository.read_versions(look.connection, code)}
    row = rows.get(version)
    if row is None:
        raise not_found()
    if said.outcome == "published":
        check_product(row.entry, tags_on(look.now.date()).vocabulary)
        if row.withdrawn_at is not None or await repository.begins_twice(look.connection, row):
            raise ConflictError(
                en=f"{code} was withdrawn, or has a version that begins on {row.valid_from}. Send this one back.",
                zh=f"{code} 已下架，或已有 {row.valid_from} 生效的版本；请退回此版本。",
                details={"code": code, "version": version},
            )
    by = look.caller.id
    if not await repository.review(
        look.connection, row, state=said.outcome, by=by, note=said.note, now=look.now
    ):
        raise ConflictError(
            en=f"Version {version} of {code} was reviewed already.",
            zh=f"{code} 第 {version} 版已审核。",
            details={"code": code, "version": version},
        )
    look.says(product=code, version=version, outcome=said.outcome)
    settled = {one.version: one for one in await repository.read_versions(look.connection, code)}
    return answer(settled[version], look.now.date())


async def withdraw(look: Look, code: str, reason: str) -> None:
    """Take a product off at once: its lender its own, the platform any, the starter catalogue's too.

    Raises
    ------
    ConflictError
        If it is off already.
    """
    rows = await repository.read_versions(look.connection, code)
    is_starter = any(one.code == code for one in load_products())
    if not rows and not is_starter:
        raise not_found()
    await look.allow(Resource(institution=rows[0].institution if rows else ""))
    if is_starter:
        await repository.claim(look.connection, code, "", look.now)
    by = look.caller.id
    if not await repository.withdraw(look.connection, code, by=by, reason=reason, now=look.now):
        raise ConflictError(
            en=f"Product {code} was withdrawn already.",
            zh=f"产品 {code} 已下架。",
            details={"code": code},
        )
    look.says(product=code)


def asks_of(entry: ProductEntry, day: date) -> list[str]:
    """Conditions of a product's first version, as rules write them."""
    where = f"product {entry.code}"
    rule = rule_of(entry.versions[0], None, where)
    matcher = Matcher.of_rules([(where, rule)], tags_on(day).vocabulary)
    return [str(one) for one in matcher.conditions.conditions]


def answer(row: VersionRow, day: date) -> ProductAnswer:
    """A version of the ledger at the wire."""
    entry = row.entry
    state: State = row.state_on(day)  # pyright: ignore[reportAssignmentType] - of the table's states
    return _told(entry, state, row.version, day).model_copy(
        update={
            "institution": row.institution,
            "submitted_at": row.submitted_at,
            "reviewed_at": row.reviewed_at,
            "note": row.note,
        }
    )


def starter_answer(entry: ProductEntry, day: date) -> ProductAnswer:
    """A product of the starter catalogue at the wire."""
    return _told(entry, "starter", 0, day)


def _told(entry: ProductEntry, state: State, version: int, day: date) -> ProductAnswer:
    return ProductAnswer(
        code=entry.code,
        institution=entry.institution,
        version=version,
        state=state,
        name=entry.name,
        lender=entry.lender,
        channels=entry.channels,
        terms=entry.versions[0],
        asks=asks_of(entry, day),
        submitted_at=None,
        reviewed_at=None,
        note="",
    )


def _entry(new: NewProduct, institution: str) -> ProductEntry:
    return ProductEntry(
        code=new.code,
        name=new.name,
        institution=institution,
        lender=new.lender,
        channels=new.channels,
        versions=[new.terms],
    )


def _may_know(look: Look, institution: str, state: State) -> bool:
    is_own = look.caller.role in {Role.OPERATOR, Role.AUDITOR} or institution == look.caller.tenant
    return state in _OPEN_STATES or is_own


def _taken(code: str) -> ConflictError:
    return ConflictError(
        en=f"The code {code} is another product's. Choose one that begins with your institution's letters.",
        zh=f"代码 {code} 已被占用，请使用以本机构字母开头的代码。",
        details={"code": code},
    )
