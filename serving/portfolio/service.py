"""Reading a portfolio for whoever may see it: the institution in full, the platform in the large."""

from datetime import datetime, time

from features.online import OnlineVectors
from features.windows import months_before
from serving.access.callers import Role
from serving.access.decision import Resource
from serving.errors import MalformedError
from serving.look import Look
from serving.portfolio import repository
from serving.portfolio.counting import alerts_of, open_grades, sections_of
from serving.portfolio.rules import PortfolioRules, rules_on
from serving.portfolio.schemas import PortfolioAnswer
from serving.portfolio.telling import Figures, Telling
from serving.ratings.errors import NoModelError


async def read_portfolio(look: Look, institution: str = "") -> PortfolioAnswer:
    """An institution's portfolio: its own, or for the platform the one that is named.

    Raises
    ------
    NotFoundError
        If it is another institution's.
    MalformedError
        If the platform names none.
    """
    whose = institution or look.caller.tenant
    if not whose:
        raise MalformedError(
            en="Say whose portfolio: the parameter 'institution' is empty.",
            zh="请指明机构：参数 institution 为空。",
            details={"fields": [{"place": "query.institution", "problem": "missing"}]},
        )
    await look.allow(Resource(institution=whose))
    rules = rules_on(look.now.date())
    figures = await _figures(look, whose, rules)
    look.says(fields=("portfolio",), borrowers=len(figures.borrowers))
    is_own = look.caller.role is not Role.OPERATOR
    return Telling(whose, look.now.date(), rules, 1 if is_own else rules.least_cell).answer(figures)


async def _figures(look: Look, whose: str, rules: PortfolioRules) -> Figures:
    today, connection = look.now.date(), look.connection
    borrowers = await repository.read_borrowers(connection, whose)
    usccs = frozenset(one.uscc for one in borrowers)
    back = months_before(today, rules.migration_months)
    spans = ((months_before(back, rules.still_counts_months), back), (back, today))
    then, now = [
        open_grades(
            await repository.read_grades(connection, whose, after=after, until=until, today=today),
            usccs,
        )
        for after, until in spans
    ]
    first = months_before(today.replace(day=1), rules.months_shown - 1)
    moved = await repository.read_months(connection, whose, datetime.combine(first, time()))
    return Figures(
        borrowers=borrowers,
        alerts=alerts_of(borrowers, await repository.read_open_alerts(connection, whose)),
        sections=sections_of(await _online(look), [one.uscc for one in borrowers]),
        guaranteed=await repository.count_guaranteed(connection, whose),
        then=then,
        now=now,
        back=back,
        moved={one.month: (one.new, one.closed) for one in moved},
    )


async def _online(look: Look) -> OnlineVectors | None:
    try:
        return (await look.house.desks.desk(look.now)).online
    except NoModelError:
        return None
