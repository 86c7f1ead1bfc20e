"""Ready accounts of a demonstration: an owner, an officer of its bank, an operator, and the bank's program.

The consents of the synthetic city are brought into the ledger, so what the officer may see is what the
city's firms opened to that bank. Passwords are made anew at every demonstration and shown once.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import psycopg

from features.contracts import load_catalogue
from features.lake import Lake
from serving.access.callers import Caller, Role
from serving.auth.clients import repository as clients
from serving.auth.clients.repository import Client
from serving.auth.clients.service import grantable
from serving.auth.institutions import repository as institutions
from serving.auth.marks import digest_of, new_secret
from serving.auth.passwords import hash_password
from serving.auth.people import first
from serving.auth.people import repository as people
from serving.auth.people.first import Newcomer
from serving.consent.bring_in import bring_in
from serving.database.addresses import Addresses
from serving.database.embedded import embedded
from serving.database.migrate import upgrade
from serving.db import Connection
from serving.loans.bring_in import bring_in as bring_loans_in
from xinqiao.console import show
from xinqiao.demo_lending import Cast, is_lending, lend, load_lending
from xinqiao.demo_past import stage
from xinqiao.settings import Settings

#: Real-name level of the owner, enough to grant any consent.
_CERTAIN = 3
#: How long ago everybody was let in: before the first of the steps that are prepared.
_LET_IN = timedelta(days=60)
_CLIENT = "demo-bank"
_OWNER, _OFFICER, _OPERATOR = "demo.owner", "demo.officer", "demo.operator"
_NAMES = {
    "bank": ("演示银行 {}", "Demo Bank {}"),
    "guarantor": ("演示担保 {}", "Demo Guarantor {}"),
}
_GUARANTORS = "SELECT DISTINCT guarantor FROM loan WHERE guarantor <> '' ORDER BY 1"
_GRANTEES = "SELECT DISTINCT grantee FROM consent WHERE grantee <> 'platform' ORDER BY 1"
#: The bank that watches the loans of most firms under their consent, and those of them that have opened nothing to it
#: for another application: they are asked for that when they apply.
_BANK = """
SELECT grantee, array_agg(uscc) FROM (
    SELECT grantee, uscc FROM consent
    WHERE status = 'active' AND grantee <> 'platform' AND valid_from <= %(today)s AND valid_to >= %(today)s
    GROUP BY grantee, uscc HAVING bool_or(purpose = 'postloan') AND NOT bool_or(purpose = 'apply')) AS watched
GROUP BY grantee ORDER BY count(*) DESC, grantee LIMIT 1
"""


@dataclass(frozen=True)
class Accounts:
    """Who can log in, with which password, and the bank's program.

    Attributes
    ----------
    firm, bank : str
        USCCs.
    others : tuple of str
        USCCs of other firms that the bank watches, the nearest to the owner's in score first.
    passwords : tuple of (login, role, password)
    """

    firm: str
    bank: str
    others: tuple[str, ...]
    passwords: tuple[tuple[str, str, str], ...]
    client_id: str
    client_secret: str


def make_accounts(settings: Settings, rated: Sequence[str], now: datetime) -> Accounts:
    """Bring the city's consents in and make the accounts, or give existing ones new passwords.

    Parameters
    ----------
    rated : sequence of str
        USCCs in the order of their score; the owner's is the one in the middle of the bank's.
    now : datetime
        Of the demonstration's clock.
    """

    async def work(addresses: Addresses) -> Accounts:
        owner = await psycopg.AsyncConnection.connect(addresses.owner, autocommit=True)
        async with owner as connection:
            lake = Lake(settings.lake).view()
            await bring_in(connection, lake, load_catalogue(), now=now, request_id="demo")
            await bring_loans_in(connection, lake, load_catalogue(), now=now, request_id="demo")
            async with connection.transaction():
                accounts = await _make(connection, rated, now)
        await _lend(settings, addresses.app, accounts, now)
        return accounts

    with embedded(settings.home / "database") as addresses:
        upgrade(addresses.owner)
        return asyncio.run(work(addresses))


def show_accounts(accounts: Accounts, address: str) -> None:
    """Print who can log in where, and a request a program can paste."""
    show(
        f"登录 {address}/login，三个现成账户：", f"Log in at {address}/login; three ready accounts:"
    )
    for login, role, password in accounts.passwords:
        show(f"  {role:<9}{login:<15}密码 {password}", f"  {role:<9}{login:<15}password {password}")
    show(
        "试一试申请：owner 在 /me/matches 匹配并申请，officer 在 /bank/applications 答复，operator 在 /ops/applications 督办",
        "An application: owner matches and applies at /me/matches, officer answers at /bank/applications, operator sees /ops/applications",
    )
    show(
        f"机构程序：客户端 {accounts.client_id}，密钥 {accounts.client_secret}；试一试：",
        f"The bank's program: client {accounts.client_id}, secret {accounts.client_secret}; try:",
    )
    show(*[_example(accounts, address)] * 2)


def _example(accounts: Accounts, address: str) -> str:
    return (
        f"  TOKEN=$(curl -s -u {accounts.client_id}:{accounts.client_secret} -d grant_type=client_credentials "
        f'{address}/v1/token | sed \'s/.*"access_token":"\\([^"]*\\)".*/\\1/\')\n'
        f"  curl -s {address}/v1/ratings -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
        f'-d \'{{"uscc": "{accounts.firm}", "purpose": "postloan"}}\''
    )


def _password() -> str:
    """Long enough for the rules, short enough to type."""
    return secrets.token_urlsafe(9)


async def _make(connection: Connection, rated: Sequence[str], now: datetime) -> Accounts:
    then = now - _LET_IN
    for number, (uscc,) in enumerate(await (await connection.execute(_GUARANTORS)).fetchall(), 1):
        await _let_in(connection, uscc, number, then, "guarantor")
    for number, (uscc,) in enumerate(await (await connection.execute(_GRANTEES)).fetchall(), 1):
        await _let_in(connection, uscc, number, then)
    row = await (await connection.execute(_BANK, {"today": now.date()})).fetchone()
    bank, firms = (row[0], set(row[1])) if row else ("", set[str]())
    opened = [uscc for uscc in rated if uscc in firms] or list(rated)
    middle = len(opened) // 2
    # Whom the owner and the officer stand for stays what it was at the first demonstration.
    firm = await _tenant_of(connection, _OWNER) or opened[middle]
    bank = await _tenant_of(connection, _OFFICER) or bank
    nearest = sorted(range(len(opened)), key=lambda place: abs(place - middle))
    passwords = [
        await _person(connection, Newcomer(_OWNER, _password(), "owner", firm), now),
        await _person(connection, Newcomer(_OFFICER, _password(), "officer", bank), now),
        await _person(connection, Newcomer(_OPERATOR, _password(), "operator"), now),
    ]
    secret = await _program(connection, bank, now)
    others = tuple(opened[place] for place in nearest if opened[place] != firm)
    return Accounts(firm, bank, others, tuple(passwords), _CLIENT, secret)


async def _lend(settings: Settings, ledger: str, accounts: Accounts, now: datetime) -> None:
    """The bank's products and applications for them, unless they are there."""
    lending = load_lending()
    async with stage(settings.home, ledger, now) as on:
        if not accounts.bank or await is_lending(on.connection, lending):
            return
        newcomers = (
            Newcomer(f"{_OWNER}-{number}", _password(), "owner", uscc)
            for number, uscc in enumerate(accounts.others, 2)
        )
        cast = Cast(
            owner=await _caller(on.connection, _OWNER, Role.OWNER, accounts.firm),
            officer=await _caller(on.connection, _OFFICER, Role.OFFICER, accounts.bank),
            operator=await _caller(on.connection, _OPERATOR, Role.OPERATOR, ""),
            others=newcomers,
        )
        await lend(on, cast, lending, now)


async def _caller(connection: Connection, login: str, role: Role, tenant: str) -> Caller:
    (person,) = await people.read_some(connection, login, "", 1)
    return Caller(role, person.person_id, tenant, real_name_level=_CERTAIN)


async def _tenant_of(connection: Connection, login: str) -> str:
    """Whom somebody who is known already stands for; empty for nobody."""
    known = await people.read_some(connection, login, "", 1)
    rows = await people.memberships_of(connection, [person.person_id for person in known])
    return next((row.tenant for row in rows if row.ended_at is None), "")


async def _let_in(
    connection: Connection,
    uscc: str,
    number: int,
    now: datetime,
    kind: Literal["bank", "guarantor"] = "bank",
) -> None:
    """An institution of the city, active and assessed."""
    names = _NAMES[kind][0].format(number), _NAMES[kind][1].format(number)
    await institutions.add_application(connection, uscc, names, kind, None, now)
    until = now.date() + timedelta(days=365)
    await institutions.write_state(connection, uscc, "active", "demo", until, now)


async def _person(
    connection: Connection, newcomer: Newcomer, now: datetime
) -> tuple[str, str, str]:
    known = await people.read_some(connection, newcomer.login, "", 1)
    if known:
        person_id = known[0].person_id
        hashed = hash_password(newcomer.password)
        await people.set_password(connection, person_id, hashed)
        await people.end_memberships(connection, person_id, "", "", now)
        await people.grant_membership(connection, person_id, newcomer.role, newcomer.tenant, now)
    else:
        person_id = await first.take_in(connection, newcomer, now - _LET_IN)
    await people.set_level(connection, person_id, _CERTAIN)
    return newcomer.login, newcomer.role, newcomer.password


async def _program(connection: Connection, bank: str, now: datetime) -> str:
    """The bank's program with every permission a program may hold; its new secret."""
    secret = new_secret()
    if await clients.read_one(connection, _CLIENT) is None:
        permissions = sorted(str(action) for action in grantable())
        client = Client(_CLIENT, bank, "demo", permissions, 200.0, 400, "active", now)
        await clients.add_client(connection, client)
    await clients.revoke_secrets(connection, _CLIENT, "", now)
    number = f"S-demo-{digest_of(secret).hex()[:12]}"
    await clients.add_secret(connection, _CLIENT, number, digest_of(secret), now)
    return secret
