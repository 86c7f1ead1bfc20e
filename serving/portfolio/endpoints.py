"""`/v1/portfolio`."""

from typing import Annotated

from fastapi import Query

from serving.access.decision import Action
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.portfolio.schemas import PortfolioAnswer
from serving.portfolio.service import read_portfolio

door = Door("/v1/portfolio", "portfolio")


@door.get("")
@asks(Action.PORTFOLIO_READ)
async def read_own_portfolio(
    look: CurrentLook,
    institution: Annotated[
        str, Query(pattern="^([0-9A-Z]{18})?$", description="For the platform: whose.")
    ] = "",
) -> PortfolioAnswer:
    """贷款组合 · Running loans by region, industry and product, open warnings, grades and how they moved.

    An institution sees its own. Grades count while everything they were made from is still open to it.
    """
    return await read_portfolio(look, institution)
