"""Decisions about institutions."""

from datetime import date

from serving.access.callers import Role
from serving.access.decision import Resource, not_found
from serving.auth.institutions import repository
from serving.auth.institutions.leaving import end_consents
from serving.auth.institutions.repository import Institution
from serving.auth.institutions.schemas import Application
from serving.auth.institutions.states import State, after_assessment, require_step
from serving.errors import ConflictError
from serving.look import Look


def own_institution(look: Look) -> str:
    """The one institution a caller's lists are about; empty for those who see all."""
    return look.caller.tenant if look.caller.role in {Role.CLIENT, Role.OFFICER} else ""


async def apply(look: Look, application: Application) -> Institution:
    """Take an application in; nothing opens by it.

    Raises
    ------
    ConflictError
        If the institution has applied, or is in, already, or consents of its last stay still live.
    """
    await look.allow(Resource())
    look.says(institution=application.uscc)
    names = (application.name_zh, application.name_en)
    written = await repository.add_application(
        look.connection, application.uscc, names, application.kind, application.region, look.now
    )
    if written is None:
        raise ConflictError(
            en="This institution has applied already, or its leaving is still being finished. Wait for the "
            "platform's answer.",
            zh="该机构已提交过接入申请，或其退出手续尚未办结，请等待平台答复。",
        )
    return written


async def read(look: Look, uscc: str) -> Institution:
    """One institution, for itself and for the platform."""
    await look.allow(Resource(institution=uscc))
    found = await repository.read_one(look.connection, uscc)
    if found is None:
        raise not_found()
    look.says(institution=uscc)
    return found


async def list_some(look: Look, after: str, limit: int) -> list[Institution]:
    """Institutions the caller may know of."""
    only = own_institution(look)
    await look.allow(Resource(institution=only))
    return await repository.read_some(look.connection, only, after, limit)


async def assess(look: Look, uscc: str, until: date, reason: str) -> Institution:
    """Record an assessment that was passed, the first or a yearly one."""
    found = await _lock(look, uscc)
    state = after_assessment(State(found.state), until, look.now.date())
    look.says(assessed_until=until)
    return await _write(look, found, state, reason, until)


async def step(look: Look, uscc: str, to: State, reason: str) -> Institution:
    """Change the state; from the next request on it decides about every key of the institution."""
    found = await _lock(look, uscc)
    require_step(State(found.state), to, found.assessed_until, look.now.date())
    if to is State.EXITED:
        await repository.revoke_everything(look.connection, uscc, look.now)
        ended = await end_consents(look.connection, uscc, look.now, look.house.subject_of)
        look.says(consents_ended=ended)
    return await _write(look, found, to, reason, found.assessed_until)


async def _lock(look: Look, uscc: str) -> Institution:
    await look.allow(Resource(institution=uscc))
    found = await repository.lock_one(look.connection, uscc)
    if found is None:
        raise not_found()
    return found


async def _write(
    look: Look, before: Institution, state: State, reason: str, assessed_until: date | None
) -> Institution:
    look.says(institution=before.uscc, state_before=before.state, state_after=str(state))
    written = await repository.write_state(
        look.connection, before.uscc, state, reason, assessed_until, look.now
    )
    if written is None:
        raise not_found()
    return written
