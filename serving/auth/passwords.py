"""Passwords and login names: what they must be, and the slow hash that is kept of a password."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from serving.auth.rules import load_rules
from serving.errors import MalformedError, OverloadedError

LOGIN = re.compile(r"[a-z][a-z0-9._-]{2,31}")
#: Phones, identity cards, birthdays and credit codes all hold six digits in a row.
_NUMBER_LIKE = re.compile(r"[0-9]{6}")


def require_login(login: str) -> None:
    """Accept a chosen name only; the ledger holds nobody's phone or identity number.

    Raises
    ------
    MalformedError
        If it is no name of that form, or looks like such a number.

    Examples
    --------
    >>> require_login("li.si")
    """
    if LOGIN.fullmatch(login) is None or _NUMBER_LIKE.search(login):
        raise MalformedError(
            en="A login is a name chosen by its person: 3 to 32 small letters, digits, '.', '_' or '-', "
            "beginning with a letter, without six digits in a row. Never a phone or an identity number.",
            zh="登录名由本人自选：3至32位小写字母、数字、“.”“_”“-”，以字母开头，不得含连续六位数字；请勿使用手机号或证件号。",
            details={"field": "login"},
        )


def require_password(password: str, login: str) -> None:
    """Refuse what is guessed first.

    Raises
    ------
    MalformedError
        If it is too short or long, of too few different characters, or holds the login.
    """
    rules = load_rules().passwords
    is_length_right = rules.shortest_characters <= len(password) <= rules.longest_characters
    is_varied = len(set(password)) >= rules.distinct_characters
    if not is_length_right or not is_varied or login in password.lower():
        raise MalformedError(
            en=f"A password has {rules.shortest_characters} to {rules.longest_characters} characters, at "
            f"least {rules.distinct_characters} different ones, and does not hold the login.",
            zh=f"密码须为 {rules.shortest_characters} 至 {rules.longest_characters} 个字符，至少含 {rules.distinct_characters} 种不同字符，且不得包含登录名。",
            details={"field": "password"},
        )


def hash_password(password: str) -> str:
    """What the ledger keeps (Argon2id with its own salt)."""
    return _hasher().hash(password)


def is_password(kept: str | None, password: str) -> bool:
    """Whether this is the password; for nobody's (`None`) the answer costs the same time."""
    try:
        return _hasher().verify(kept or _nobodys(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


class PasswordChecks:
    """A few slow checks at a time, in threads, so that they never stall a worker's other answers."""

    def __init__(self) -> None:
        rules = load_rules().passwords
        self._slots = asyncio.Semaphore(rules.at_once)
        self._free = rules.at_once + rules.waiting

    @asynccontextmanager
    async def room(self) -> AsyncGenerator[None]:
        """Stand in the queue, or be sent away at once: who waits holds connections of the pool.

        Raises
        ------
        OverloadedError
            If as many are being checked and waiting as may.
        """
        if self._free == 0:
            raise OverloadedError(
                en="Too many people are logging in at this moment. Try again in a second.",
                zh="当前登录人数过多，请一秒后重试。",
                details={"retry_after_seconds": 1},
            )
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def is_password(self, kept: str | None, password: str) -> bool:
        """As the function of that name, in a thread; the caller stands in the queue (`room`)."""
        async with self._slots:
            return await asyncio.to_thread(is_password, kept, password)

    async def hash_password(self, password: str) -> str:
        """As the function of that name, in a thread."""
        async with self.room(), self._slots:
            return await asyncio.to_thread(hash_password, password)


@cache
def _hasher() -> PasswordHasher:
    rules = load_rules().passwords
    return PasswordHasher(
        time_cost=rules.passes, memory_cost=rules.memory_kib, parallelism=rules.lanes
    )


@cache
def _nobodys() -> str:
    """A hash that no password is checked against but an unknown login's."""
    return hash_password("nobody has this one")
