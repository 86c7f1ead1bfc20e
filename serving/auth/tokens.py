"""Access tokens of institutions' programs: signed by the newest key, verified by every key that is left."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.types import Options

from features.clock import SHANGHAI
from serving.auth.key_files import KeyFile, make_first_key, read_keys
from serving.auth.marks import new_id
from serving.auth.rules import load_rules
from serving.errors import NotAuthenticatedError

ISSUER = AUDIENCE = "xinqiao"
_ALGORITHM = "EdDSA"
_REQUIRED = ["iss", "aud", "sub", "sid", "inst", "permissions", "iat", "exp", "jti"]
#: Times are held against the clock that was passed in, by `_is_timely`.
_OPTIONS: Options = {
    "require": _REQUIRED,
    "strict_aud": True,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True)
class Claims:
    """What a token says; whether it still holds is the ledger's to say.

    Attributes
    ----------
    client_id, secret_id, institution : str
        `sub`, `sid` and `inst`.
    permissions : frozenset of str
        What the token was asked for; the client may hold less by now.
    issued_at, expires_at : int
        Seconds of Unix time.
    """

    client_id: str
    secret_id: str
    institution: str
    permissions: frozenset[str]
    issued_at: int
    expires_at: int


class TokenKeys:
    """Signing keys in files, read again when they change; a worker's own.

    Parameters
    ----------
    folder : Path
        Private keys, mode 0600; the first is made when one is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keys: dict[str, KeyFile] = {}
        self._read_at: datetime | None = None
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    def issue(self, claims: Claims) -> str:
        """Sign what was decided.

        Notes
        -----
        A new key signs only after `reload_seconds`, when every worker has had time to know it.
        """
        now = datetime.fromtimestamp(claims.issued_at, SHANGHAI).replace(tzinfo=None)
        self._refresh(now)
        if not self._keys:
            make_first_key(self.folder, now)
            self._read(now)
        known_since = now - timedelta(seconds=load_rules().tokens.reload_seconds)
        keys = sorted(self._keys.values(), key=lambda key: key.made_at)
        key = next((key for key in reversed(keys) if key.made_at <= known_since), keys[0])
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": claims.client_id,
            "sid": claims.secret_id,
            "inst": claims.institution,
            "permissions": sorted(claims.permissions),
            "iat": claims.issued_at,
            "exp": claims.expires_at,
            "jti": new_id("T"),
        }
        return jwt.encode(payload, key.private, _ALGORITHM, headers={"kid": key.id})

    def verify(self, token: str, now: datetime) -> Claims:
        """Read a token that one of our keys signed and that has not ended.

        Raises
        ------
        NotAuthenticatedError
            For anything else, in one sentence for all of it.
        """
        if len(token) > load_rules().tokens.longest_characters:
            raise _bad_token()
        self._refresh(now)
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._decode(token)
            self._verified[digest] = claims
            if len(self._verified) > load_rules().tokens.remembered:
                self._verified.popitem(last=False)
        if not _is_timely(claims, now):
            raise _bad_token()
        return claims

    def published(self, now: datetime) -> list[dict[str, str]]:
        """The public keys as a JSON web key set lists them (RFC 7517, RFC 8037)."""
        self._refresh(now)
        return [key.published() for key in self._keys.values()]

    def _decode(self, token: str) -> Claims:
        try:
            # The header only chooses among our keys; which algorithm is right is not its to say.
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise _bad_token()
            return _claims(token, key.public)
        except (jwt.InvalidTokenError, ValueError, TypeError) as bad:
            raise _bad_token() from bad

    def _refresh(self, now: datetime) -> None:
        """Read the folder again if that was a while ago; the clock may have been set back."""
        every = load_rules().tokens.reload_seconds
        if (
            not self._keys
            or self._read_at is None
            or abs((now - self._read_at).total_seconds()) >= every
        ):
            self._read(now)

    def _read(self, now: datetime) -> None:
        keys = read_keys(self.folder, self._keys)
        if keys.keys() != self._keys.keys():
            self._verified.clear()
        self._keys, self._read_at = keys, now


def unix_seconds(now: datetime) -> int:
    """Unix time of an Asia/Shanghai wall time, whole seconds."""
    return int(now.replace(tzinfo=SHANGHAI).timestamp())


def _claims(token: str, key: Ed25519PublicKey) -> Claims:
    content = jwt.decode(
        token,
        key,
        [_ALGORITHM],
        _OPTIONS,
        audience=AUDIENCE,
        issuer=ISSUER,
    )
    claims = Claims(
        client_id=content["sub"],
        secret_id=content["sid"],
        institution=content["inst"],
        permissions=frozenset(content["permissions"]),
        issued_at=int(content["iat"]),
        expires_at=int(content["exp"]),
    )
    if claims.expires_at - claims.issued_at > load_rules().tokens.lifetime_seconds:
        raise _bad_token()
    return claims


def _is_timely(claims: Claims, now: datetime) -> bool:
    at = now.replace(tzinfo=SHANGHAI).timestamp()
    return claims.issued_at - load_rules().tokens.clock_leeway_seconds <= at < claims.expires_at


def _bad_token() -> NotAuthenticatedError:
    return NotAuthenticatedError(
        en="This bearer token is none of ours, or has ended. Get a new one from /v1/token.",
        zh="访问令牌无效或已过期，请重新从 /v1/token 获取。",
    )
