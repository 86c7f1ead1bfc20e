"""Who asks: a token of a program, a session of a person, or nobody."""

from datetime import date, datetime, timedelta

from fastapi import Request

from serving.access.callers import NOBODY, Caller, Role
from serving.ahead import Ahead
from serving.auth.browsers import require_same_site, session_token
from serving.auth.marks import digest_of
from serving.auth.repository import KeyStates, program_question, touch_session, visitor_of
from serving.auth.rules import load_rules
from serving.auth.tokens import Claims
from serving.db import Connection
from serving.errors import NotAuthenticatedError
from serving.house import House


async def identify(
    house: House, request: Request, connection: Connection, now: datetime, ahead: Ahead
) -> Caller:
    """Say who asks, by what the ledger knows of the key in this transaction.

    A session that has ended is nobody's, so that its browser can still log in; a bearer token that is
    not good is refused whatever is asked. With the question about a program goes what is foreseen of it.

    Raises
    ------
    NotAuthenticatedError
        If a token was given and is not, or no longer, good.
    CrossSiteError
        If a session was sent along by another site's page.
    """
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        try:
            claims = house.token_keys.verify(credentials.strip(), now)
            return await _program(connection, claims, now, ahead)
        except NotAuthenticatedError:
            # A bad key costs as much as coming without one.
            house.limits.take(NOBODY, now, address_of(request))
            raise
    token = session_token(request, house.settings)
    if not token:
        return NOBODY
    caller = await _visitor(connection, digest_of(token), now)
    if caller.session:
        require_same_site(request, house.settings, with_session=True)
    return caller


def address_of(request: Request) -> str:
    """Where a request comes from, as the server that accepted it says."""
    return request.client.host if request.client else ""


async def _program(connection: Connection, claims: Claims, now: datetime, ahead: Ahead) -> Caller:
    question = program_question(claims.client_id, claims.secret_id, now)
    program = await ahead.first(connection, question, claims.institution)
    if program is None or program.institution != claims.institution:
        raise _dead("its client or secret is not known", "其客户端或密钥不存在")
    require_live(program, now.date())
    return Caller(
        Role.CLIENT,
        id=program.client_id,
        tenant=program.institution,
        permissions=claims.permissions.intersection(program.permissions),
        number=program.client_no,
        rate_per_second=program.rate_per_second,
        burst=program.burst,
    )


def require_live(program: KeyStates, today: date) -> None:
    """Refuse a program whose secret, client or institution is no longer good.

    Raises
    ------
    NotAuthenticatedError
        Naming which of them; only who holds a key of theirs hears it.
    """
    if not program.is_secret_live:
        raise _dead("its secret was revoked or has expired", "其密钥已被吊销或已过期")
    if program.client_state != "active":
        raise _dead("its client was revoked", "其客户端已被吊销")
    if program.institution_state != "active":
        state = program.institution_state
        raise _dead(f"its institution is '{state}'", f"其机构当前状态为“{state}”")
    if program.assessed_until is None or program.assessed_until < today:
        raise _dead("its institution's yearly assessment is overdue", "其机构年度评估已逾期")


async def _visitor(connection: Connection, digest: bytes, now: datetime) -> Caller:
    rules = load_rules()
    idle_since = now - timedelta(seconds=rules.sessions.idle_seconds)
    visitor = await visitor_of(connection, digest, now, idle_since)
    if visitor is None:
        return NOBODY
    if now - visitor.last_used_at >= timedelta(seconds=rules.sessions.touch_seconds):
        await touch_session(connection, digest, now)
    return Caller(
        Role(visitor.role),
        id=visitor.person_id,
        tenant=visitor.tenant,
        number=visitor.person_no,
        rate_per_second=rules.rates.person.rate_per_second,
        burst=rules.rates.person.burst,
        session=digest,
        real_name_level=visitor.real_name_level,
    )


def _dead(en: str, zh: str) -> NotAuthenticatedError:
    return NotAuthenticatedError(
        en=f"This key opens nothing: {en}. Ask the platform if that is a mistake.",
        zh=f"该凭证无效：{zh}；如有疑问请联系平台。",
    )
