"""Tokens for client credentials (RFC 6749, 4.4): who proved its secret gets ten minutes."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from serving.access.callers import Caller, Role
from serving.access.decision import Resource
from serving.auth.clients.repository import Key, keys_of
from serving.auth.clients.schemas import TokenAnswer
from serving.auth.identify import require_live
from serving.auth.marks import digest_of
from serving.auth.rules import load_rules
from serving.auth.tokens import Claims, unix_seconds
from serving.errors import InvalidClientError, NotAuthenticatedError, TokenRequestError
from serving.look import Look


@dataclass(frozen=True)
class TokenRequest:
    """The form as it came, and the `Authorization` header beside it."""

    grant_type: str
    scope: str
    client_id: str
    client_secret: str
    authorization: str


async def issue(look: Look, asked: TokenRequest) -> TokenAnswer:
    """Give a token to a program that proves a live secret.

    Raises
    ------
    TokenRequestError
        `unsupported_grant_type`, `invalid_request` or `invalid_scope`.
    InvalidClientError
        If id and secret do not fit, or open nothing any more.
    """
    await look.allow(Resource())
    if asked.grant_type != "client_credentials":
        raise _wrong(
            "unsupported_grant_type" if asked.grant_type else "invalid_request",
            "Send a form with grant_type=client_credentials.",
            "请以表单提交 grant_type=client_credentials。",
        )
    client_id, secret = _credentials(asked)
    keys = await keys_of(look.connection, client_id, look.now)
    key = _matching(keys, secret)
    if keys:
        # The record keeps whose secret was tried, also when it was wrong.
        look.caller = Caller(Role.CLIENT, id=client_id, tenant=keys[0].institution)
    if key is None:
        raise _invalid_client("the client id or its secret is wrong", "客户端编号或密钥错误")
    try:
        require_live(key, look.now.date())
    except NotAuthenticatedError as dead:
        raise InvalidClientError(dead.en, dead.zh, {"error": "invalid_client"}) from None
    return _token(look, key, asked.scope)


def _token(look: Look, key: Key, scope: str) -> TokenAnswer:
    permissions = _narrowed(key.permissions, scope)
    lifetime = load_rules().tokens.lifetime_seconds
    issued_at = unix_seconds(look.now)
    claims = Claims(
        client_id=key.client_id,
        secret_id=key.secret_id,
        institution=key.institution,
        permissions=frozenset(permissions),
        issued_at=issued_at,
        expires_at=issued_at + lifetime,
    )
    look.says(client=key.client_id, secret=key.secret_id)
    return TokenAnswer(
        access_token=look.house.token_keys.issue(claims),
        expires_in=lifetime,
        scope=" ".join(permissions),
    )


def _credentials(asked: TokenRequest) -> tuple[str, str]:
    """Id and secret out of HTTP Basic or out of the form, never both (RFC 6749, 2.3)."""
    scheme, _, coded = asked.authorization.partition(" ")
    if scheme.lower() != "basic":
        if not asked.client_id or not asked.client_secret:
            raise _invalid_client("no client id and secret were sent", "未提供客户端编号和密钥")
        return asked.client_id, asked.client_secret
    if asked.client_secret:
        raise _wrong(
            "invalid_request",
            "Send the secret once: in the header or in the form.",
            "密钥只能出现一次：放在请求头或表单中。",
        )
    try:
        client_id, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _invalid_client("the Basic header cannot be read", "Basic 请求头无法解析") from None
    return unquote_plus(client_id), unquote_plus(secret)


def _matching(keys: Sequence[Key], secret: str) -> Key | None:
    digest = digest_of(secret)
    matching = [key for key in keys if hmac.compare_digest(key.digest, digest)]
    return matching[0] if matching else None


def _narrowed(held: Sequence[str], scope: str) -> list[str]:
    asked = scope.split()
    beyond = sorted(set(asked) - set(held))
    if beyond:
        raise _wrong(
            "invalid_scope",
            f"This client does not hold {', '.join(beyond)[:200]}.",
            f"该客户端没有以下权限：{'、'.join(beyond)[:200]}。",
        )
    return sorted(set(asked)) or sorted(held)


def _invalid_client(en: str, zh: str) -> InvalidClientError:
    return InvalidClientError(
        en=f"No token: {en}.", zh=f"无法签发令牌：{zh}。", details={"error": "invalid_client"}
    )


def _wrong(error: str, en: str, zh: str) -> TokenRequestError:
    return TokenRequestError(en=en, zh=zh, details={"error": error})
