"""The same key and body give the same answer; another body under a known key is refused.

The claim of a key is a row written first, in the transaction of the request: who comes second waits
for the first to end, and then finds its answer, or no row and does the work. So an effect and the
memory of it are kept or undone together.

An answer is kept sealed under a key the ledger does not hold: it may have given a secret away, once.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request, Response
from psycopg.rows import class_row

from features.scope import Purpose
from serving.access.decision import Resource
from serving.errors import IdempotencyConflictError, MalformedError
from serving.look import Look

HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,64}")
_NONCE_BYTES = 12

_CLAIM = """
INSERT INTO idempotent_answer (actor, key, request_hash, created_at)
VALUES (%(actor)s, %(key)s, %(request_hash)s, %(now)s) ON CONFLICT DO NOTHING
"""
_KEEP = """
UPDATE idempotent_answer
SET asked = %(asked)s, status = %(status)s, media_type = %(media_type)s, location = %(location)s, body = %(body)s
WHERE actor = %(actor)s AND key = %(key)s
"""
_FIND = """
SELECT request_hash, asked, status, media_type, location, body FROM idempotent_answer
WHERE actor = %(actor)s AND key = %(key)s
"""
_FORGET = "DELETE FROM idempotent_answer WHERE actor = %(actor)s AND key = %(key)s"

Answer = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True)
class _Kept:
    request_hash: bytes
    asked: str
    status: int
    media_type: str | None
    location: str | None
    body: bytes


@dataclass(frozen=True)
class _Claim:
    """Whose key, for which request."""

    actor: str
    key: str
    request_hash: bytes


async def answer_once(look: Look, request: Request, answer: Answer) -> Response:
    """Answer, or give the answer given before.

    Only a POST of a known caller with an `Idempotency-Key` is remembered.

    Raises
    ------
    MalformedError
        If the key is not 1 to 64 visible ASCII characters.
    IdempotencyConflictError
        If the key came before with another address or body.
    ServingError
        On a replay, if what was asked may not be seen any more.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST" or look.caller.kind == "anonymous":
        return await answer(request)
    claim = await _claim(look, request, _checked(key))
    values = {**asdict(claim), "now": look.now}
    if (await look.connection.execute(_CLAIM, values)).rowcount == 0:
        return await _again(look, claim)
    response = await answer(request)
    if response.status_code >= 300:  # noqa: PLR2004 - only what was done is kept
        await look.connection.execute(_FORGET, values)
        return response
    look.at_last(_KEEP, values | _kept(look, claim, response))
    return response


def _checked(key: str) -> str:
    if _KEY.fullmatch(key):
        return key
    raise MalformedError(
        en=f"The Idempotency-Key has {len(key)} characters; it must be 1 to 64 visible ASCII characters.",
        zh=f"Idempotency-Key 长度为 {len(key)}；必须是 1 至 64 个可见 ASCII 字符。",
        details={"fields": [{"place": f"header.{HEADER}", "problem": "key_format"}]},
    )


async def _claim(look: Look, request: Request, key: str) -> _Claim:
    """A person may stand in several roles; each has keys of its own."""
    caller = look.caller
    head = [request.method, request.url.path, request.url.query]
    head.append(request.headers.get("content-type", ""))
    summed = hashlib.sha256("\0".join(head).encode() + b"\0" + await request.body())
    # Keyed, so that nobody can try out from the ledger what was asked.
    keyed = look.house.vault.token("idempotent_request", summed.hexdigest())
    return _Claim(f"{caller.role}/{caller.tenant}/{caller.id}", key, bytes.fromhex(keyed))


def _kept(look: Look, claim: _Claim, response: Response) -> dict[str, object]:
    asked = {
        "resources": [
            {
                "uscc": resource.uscc,
                "institution": resource.institution,
                "needs": sorted(resource.needs),
                "purpose": resource.purpose,
                "is_public": resource.is_public,
            }
            for resource in look.asked
        ],
        "consents": sorted(look.consents),
        "fields": sorted(look.fields),
        "detail": look.detail,
    }
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return {
        "asked": json.dumps(asked, default=str),
        "status": response.status_code,
        "media_type": response.headers.get("content-type"),
        "location": response.headers.get("location"),
        "body": nonce
        + _cipher(look, claim).encrypt(nonce, bytes(response.body), claim.request_hash),
    }


async def _again(look: Look, claim: _Claim) -> Response:
    """What was answered, if the caller may still see it."""
    async with look.connection.cursor(row_factory=class_row(_Kept)) as cursor:
        kept = await (await cursor.execute(_FIND, asdict(claim))).fetchone()
    if kept is None or kept.request_hash != claim.request_hash:
        raise IdempotencyConflictError(
            en="This Idempotency-Key was used for another request. Take a new key for a new request.",
            zh="该 Idempotency-Key 已用于另一请求；新请求请使用新的键。",
        )
    asked = json.loads(kept.asked)
    look.paid = asked["consents"]
    for resource in asked["resources"]:
        await look.allow(_resource(resource))
    look.says(fields=asked["fields"], **asked["detail"])
    nonce, sealed = kept.body[:_NONCE_BYTES], kept.body[_NONCE_BYTES:]
    body = _cipher(look, claim).decrypt(nonce, sealed, claim.request_hash)
    headers = {"Idempotent-Replayed": "true"}
    headers |= {"Location": kept.location} if kept.location else {}
    headers |= {"Content-Type": kept.media_type} if kept.media_type else {}
    return Response(body, kept.status, headers)


def _resource(kept: dict[str, Any]) -> Resource:
    purpose = kept["purpose"]
    return Resource(
        uscc=kept["uscc"],
        institution=kept["institution"],
        needs=frozenset(kept["needs"]),
        purpose=None if purpose is None else Purpose(purpose),
        is_public=kept["is_public"],
    )


def _cipher(look: Look, claim: _Claim) -> AESGCM:
    """A key for one answer, drawn from the vault's."""
    drawn = look.house.vault.token("idempotent_answer", f"{claim.actor}\x1f{claim.key}")
    return AESGCM(bytes.fromhex(drawn))
