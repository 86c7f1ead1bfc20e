"""Decisions about alerts: what an institution may see of its own, and the steps it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from features.scope import Purpose
from serving.access.decision import Resource, not_found
from serving.alerts import repository
from serving.alerts.body import alert_body
from serving.alerts.machine import take
from serving.alerts.rows import Alert, NewEvent, WatchRow
from serving.alerts.telling import own_loans
from serving.errors import ConflictError
from serving.look import Look
from serving.pages import Pager

Body = Mapping[str, object]
_NEWEST = 2**62


async def find_alert(look: Look, alert_id: str, *, lock: bool = False) -> Alert:
    """One alert that the caller may know of.

    Raises
    ------
    NotFoundError
        If there is none, or it is another institution's.
    """
    found = None
    if alert_id.isascii() and alert_id.isprintable():
        found = await repository.read_alert(look.connection, alert_id, lock=lock)
    if found is None:
        raise not_found()
    await look.allow(Resource(uscc=found.uscc, institution=found.institution))
    look.says(fields=["alert"], alert_id=found.alert_id)
    return found


async def list_alerts(look: Look, pager: Pager, filters: Mapping[str, str]) -> list[Alert]:
    """A page's rows of the caller's own alerts, the newest first."""
    tenant = look.caller.tenant
    await look.allow(Resource(uscc=filters["uscc"], institution=tenant))
    rows = await repository.list_alerts(
        look.connection,
        tenant,
        uscc=filters["uscc"],
        signal=filters["signal"],
        level=filters["level"],
        state=filters["state"],
        before=int(pager.after[0]) if pager.after else _NEWEST,
        limit=pager.fetch,
    )
    look.says(fields=["alert"], count=min(len(rows), pager.limit))
    return rows


async def bodies(look: Look, alerts: Sequence[Alert]) -> dict[str, Body]:
    """What may be read of some alerts now, by their ids; consent is asked anew each time."""
    usccs = {one.uscc for one in alerts}
    opened = await repository.opened_scopes(
        look.connection, usccs, {one.institution for one in alerts}, look.now
    )
    loans = await own_loans(look.connection, sorted(usccs))
    told: dict[str, Body] = {}
    for one in alerts:
        scopes, consents = opened.get(one.owner, (frozenset[str](), ()))
        closed = sorted(set(one.needs) - scopes)
        if one.needs and not closed:
            look.consents.update(consents)
        told[one.alert_id] = alert_body(one, loans.get(one.owner, []), closed=closed)
    return told


async def take_step(
    look: Look, alert_id: str, step: str, *, text: str = "", outcome: str = ""
) -> Alert:
    """Take a step of the institution's.

    Raises
    ------
    ServingError
        As `serving.alerts.machine.take`; then nothing is changed.
    """
    alert = await find_alert(look, alert_id, lock=True)
    to = take(alert.standing, step, "institution", now=look.now, text=text, outcome=outcome)
    moved = replace(alert, standing=to)
    await repository.write_alerts(look.connection, [moved])
    event = NewEvent(
        alert_id=alert_id,
        step=step,
        from_state=alert.standing.state,
        to_state=to.state,
        level=to.level,
        at=look.now,
        actor=look.caller.id,
        actor_role=look.caller.role,
        said={name: given for name, given in (("text", text), ("outcome", outcome)) if given},
    )
    await repository.write_events(look.connection, [event])
    look.says(step=step, state=to.state)
    return moved


async def read_watch_list(look: Look, *, after: str, limit: int) -> list[WatchRow]:
    """The caller's watch list: firms with an open orange or red alert, and those put there."""
    tenant = look.caller.tenant
    await look.allow(Resource(institution=tenant))
    rows = await repository.watch_list(look.connection, tenant, after=after, limit=limit)
    look.says(fields=["watch_list"], count=len(rows))
    return rows


async def watch_firm(look: Look, uscc: str, reason: str) -> None:
    """Put a firm on the list.

    Raises
    ------
    ConflictError
        If the institution has no running loan of the firm, nor stands for one.
    """
    tenant = look.caller.tenant
    await look.allow(Resource(uscc=uscc, institution=tenant, purpose=Purpose.POSTLOAN))
    if (tenant, uscc) not in await own_loans(look.connection, [uscc]):
        raise ConflictError(
            en="Your institution has reported no running loan of this firm and guarantees none. Report the loan first.",
            zh="贵机构没有报送该企业的存续贷款，也未为其担保；请先报送贷款。",
        )
    await repository.put_on_watch_list(
        look.connection, tenant, uscc, reason=reason, by=look.caller.id, now=look.now
    )
    look.says(fields=["watch_list"])


async def stop_watching(look: Look, uscc: str) -> None:
    """Take a firm off that was put there; an open alert keeps it on the list by itself.

    Raises
    ------
    NotFoundError
        If nobody put it there.
    """
    tenant = look.caller.tenant
    await look.allow(Resource(uscc=uscc, institution=tenant))
    if not await repository.take_off_watch_list(look.connection, tenant, uscc):
        raise not_found()
    look.says(fields=["watch_list"])
