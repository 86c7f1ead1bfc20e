"""Whose page this is: an owner's, an officer's, an operator's; to anybody else it is not there."""

from serving.access.callers import Role
from serving.access.decision import Resource, not_found
from serving.look import Look


async def own_firm(look: Look) -> str:
    """The code of the firm whose owner asks, who may take the action on it.

    Raises
    ------
    NotFoundError
        For whoever is no owner.
    """
    require_role(look, Role.OWNER)
    await look.allow(Resource(uscc=look.caller.tenant))
    return look.caller.tenant


def require_role(look: Look, role: Role) -> None:
    """Refuse everybody else; programs ask the API, and each role has pages of its own.

    Raises
    ------
    NotFoundError
    """
    if look.caller.role is not role:
        raise not_found()
