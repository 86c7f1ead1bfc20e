"""Sessions: coming in with a password, being slowed down after failures, going out."""

from dataclasses import dataclass, replace
from datetime import timedelta

from serving.access.callers import Caller, Role
from serving.access.decision import Resource
from serving.audit.record import write_entry
from serving.auth.marks import digest_of, new_secret
from serving.auth.passwords import require_password
from serving.auth.people import repository
from serving.auth.people.repository import MembershipRow
from serving.auth.people.schemas import Login, PasswordChange, SessionAnswer
from serving.auth.people.visit_rows import (
    Attempt,
    add_session,
    clear_attempts,
    count_attempt,
    end_session,
)
from serving.auth.rules import load_rules
from serving.errors import ConflictError, NotAuthenticatedError, NotPermittedError
from serving.look import Look


@dataclass(frozen=True)
class Opened:
    """A session and the token that its browser is to keep."""

    token: str
    answer: SessionAnswer


async def open_session(look: Look, asked: Login) -> Opened:
    """Let a person in.

    Raises
    ------
    NotAuthenticatedError
        For an unknown login, a wrong password, and an account that waits, in the same words.
    ConflictError
        If the person holds several roles and named none; it lists them.
    NotPermittedError
        If it holds none that is open now.
    """
    await look.allow(Resource())
    attempt = await _prove(look, asked.login, asked.password)
    if attempt is None:
        raise NotAuthenticatedError(
            en="Login or password is wrong, or the account waits after failed attempts. "
            "Check both, or try again in a few minutes.",
            zh="登录名或密码错误，或账户因多次失败暂时锁定；请核对后重试，或稍候几分钟。",
        )
    rows = await repository.open_memberships(look.connection, attempt.person_id, look.now)
    chosen = _choose(rows, asked)
    if look.caller.session:
        await end_session(look.connection, look.caller.session, look.now)
    token = new_secret()
    expires_at = look.now + timedelta(seconds=load_rules().sessions.absolute_seconds)
    await add_session(look.connection, digest_of(token), chosen, look.now, expires_at)
    look.caller = Caller(Role(chosen.role), id=attempt.person_id, tenant=chosen.tenant)
    answer = SessionAnswer.model_validate(
        {
            "person_id": attempt.person_id,
            "role": Role(chosen.role),
            "tenant": chosen.tenant,
            "expires_at": expires_at,
        }
    )
    return Opened(token, answer)


async def close_session(look: Look) -> None:
    """Log out here."""
    await look.allow(Resource())
    await end_session(look.connection, look.caller.session, look.now)


async def change_password(look: Look, change: PasswordChange) -> None:
    """Give oneself a new password; every other session ends.

    Raises
    ------
    NotPermittedError
        If the current password is wrong; it counts like a failed login.
    """
    await look.allow(Resource())
    person = await repository.read_one(look.connection, look.caller.id)
    login = person.login if person else ""
    require_password(change.new, login)
    if await _prove(look, login, change.current) is None:
        raise NotPermittedError(
            en="The current password is wrong, or the account waits after failed attempts.",
            zh="当前密码错误，或账户因多次失败暂时锁定。",
        )
    hashed = await look.house.passwords.hash_password(change.new)
    await repository.set_password(look.connection, look.caller.id, hashed)
    await repository.end_sessions(
        look.connection, look.caller.id, look.now, but=look.caller.session
    )


async def _prove(look: Look, login: str, password: str) -> Attempt | None:
    """Whose password this is.

    An attempt is counted, in a transaction of its own, before the password is looked at: so many
    guesses at once cannot outrun the count, and the refusal's undoing does not undo it.
    """
    async with look.house.passwords.room():
        async with look.house.database.transaction() as apart:
            attempt = await count_attempt(apart, login, look.now)
        kept = attempt.password_hash if attempt else None
        is_right = await look.house.passwords.is_password(kept, password)
        if attempt is None:
            return None
        if is_right:
            async with look.house.database.transaction() as apart:
                await clear_attempts(apart, attempt.person_id)
            return attempt
        if look.caller.kind == "anonymous":
            await _record_failure(look, attempt.person_id)
    return None


async def _record_failure(look: Look, person_id: str) -> None:
    """The door records no anonymous 401; whose account it was tried on is worth a row."""
    entry = replace(
        look.entry("refused", NotAuthenticatedError.code), actor_kind="person", actor=person_id
    )
    async with look.house.database.transaction() as apart:
        await write_entry(apart, entry)


def _choose(rows: list[MembershipRow], asked: Login) -> MembershipRow:
    fitting = [
        row
        for row in rows
        if (asked.role is None or row.role == asked.role)
        and (asked.tenant is None or row.tenant == asked.tenant)
    ]
    if len(fitting) == 1:
        return fitting[0]
    listed = [{"role": row.role, "tenant": row.tenant} for row in rows]
    if not rows:
        raise NotPermittedError(
            en="This account holds no role that is open now. Ask the platform, or your institution.",
            zh="该账户目前没有可用的角色，请联系平台或所属机构。",
        )
    raise ConflictError(
        en="Name the role (and the tenant) to work in; the account's roles are listed.",
        zh="请指定本次登录使用的角色（及所属主体），可选项见列表。",
        details={"memberships": listed},
    )
