"""Tokens: what verifies, and everything that does not."""

import base64
import hashlib
import hmac
import json
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from serving.auth.key_files import KeyFile, read_keys, rotate
from serving.auth.tokens import Claims, TokenKeys, unix_seconds
from serving.errors import KeyFileError, NotAuthenticatedError

NOON = datetime(2026, 11, 20, 12, 0)
SECOND = timedelta(seconds=1)


def claims(now: datetime = NOON, seconds: int = 600) -> Claims:
    at = unix_seconds(now)
    return Claims("A-1", "S-1", "bank", frozenset({"consent:read"}), at, at + seconds)


def refused(keys: TokenKeys, token: str, now: datetime = NOON) -> None:
    with pytest.raises(NotAuthenticatedError, match="none of ours, or has ended"):
        keys.verify(token, now)


def only(keys: TokenKeys) -> KeyFile:
    """The one key there is."""
    (key,) = read_keys(keys.folder, {}).values()
    return key


def signed(keys: TokenKeys, **changed: Any) -> str:
    """A token by our own key whose content is not ours; None leaves a claim out."""
    keys.issue(claims())
    at = unix_seconds(NOON)
    content: dict[str, Any] = {
        "iss": "xinqiao",
        "aud": "xinqiao",
        "sub": "A-1",
        "sid": "S-1",
        "inst": "bank",
        "permissions": [],
        "iat": at,
        "exp": at + 600,
        "jti": "T-1",
    } | changed
    key = only(keys)
    left = {name: value for name, value in content.items() if value is not None}
    return jwt.encode(left, key.private, "EdDSA", headers={"kid": key.id})


@pytest.fixture
def keys(tmp_path: Path) -> TokenKeys:
    return TokenKeys(tmp_path / "tokens")


def test_what_was_issued_is_read_again(keys: TokenKeys) -> None:
    token = keys.issue(claims())
    assert keys.verify(token, NOON) == claims()
    assert keys.verify(token, NOON + 599 * SECOND) == claims()
    refused(keys, token, NOON + 600 * SECOND)


def test_a_remembered_token_ends_as_well(keys: TokenKeys) -> None:
    token = keys.issue(claims())
    assert keys.verify(token, NOON) == keys.verify(token, NOON)
    refused(keys, token, NOON + 600 * SECOND)


def test_the_helper_makes_good_tokens(keys: TokenKeys) -> None:
    """Else the refusals below would prove nothing."""
    assert keys.verify(signed(keys), NOON).client_id == "A-1"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "another"},
        {"aud": "another"},
        {"aud": ["xinqiao", "another"]},
        {"iat": unix_seconds(NOON) + 6},
        {"exp": unix_seconds(NOON)},
        {"exp": unix_seconds(NOON) + 601},
        {"exp": "tomorrow"},
        {"sub": 7},
        {"permissions": 7},
        *({name: None} for name in ("iss", "aud", "sub", "sid", "inst", "iat", "exp", "jti")),
        {"permissions": None},
    ],
    ids=str,
)
def test_a_claim_that_is_not_ours_is_refused(keys: TokenKeys, changed: dict[str, Any]) -> None:
    refused(keys, signed(keys, **changed))


def test_a_clock_five_seconds_ahead_is_forgiven(keys: TokenKeys) -> None:
    assert keys.verify(signed(keys, iat=unix_seconds(NOON) + 5, exp=unix_seconds(NOON) + 600), NOON)


def coded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_the_header_does_not_choose_the_algorithm(keys: TokenKeys) -> None:
    head, body, _ = signed(keys).split(".")
    key = only(keys)
    public = key.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    for algorithm in ("none", "None", "HS256"):
        unsigned = f"{coded({'alg': algorithm, 'typ': 'JWT', 'kid': key.id})}.{body}"
        refused(keys, f"{unsigned}.")
        mac = hmac.digest(public, unsigned.encode(), hashlib.sha256)
        refused(keys, f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")
    refused(keys, f"{head}.{body}.")
    refused(keys, f"{head}.{body}")


def test_another_key_under_our_name_is_refused(keys: TokenKeys) -> None:
    content = jwt.decode(signed(keys), options={"verify_signature": False})
    name = only(keys).id
    foreign = jwt.encode(content, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": name})
    refused(keys, foreign)


@pytest.mark.parametrize("kid", ["", "../../etc/passwd", "0" * 16, None])
def test_an_unknown_key_is_refused(keys: TokenKeys, kid: str | None) -> None:
    content = jwt.decode(signed(keys), options={"verify_signature": False})
    key = only(keys)
    headers = {} if kid is None else {"kid": kid}
    refused(keys, jwt.encode(content, key.private, "EdDSA", headers=headers))


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "x" * 5000, "\ud800.a.b"])
def test_what_is_no_token_is_refused(keys: TokenKeys, text: str) -> None:
    refused(keys, text)


def test_a_good_token_that_is_too_long_is_refused(keys: TokenKeys) -> None:
    refused(keys, signed(keys, padding="x" * 4096))


def test_key_files_are_for_their_owner_only(keys: TokenKeys) -> None:
    keys.issue(claims())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in keys.folder.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700


def kid(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


def test_a_rotation_while_workers_run_breaks_no_token(keys: TokenKeys) -> None:
    other = TokenKeys(keys.folder)
    before = keys.issue(claims())
    assert other.verify(before, NOON) == claims()
    rotated = NOON + 100 * SECOND
    new = rotate(keys.folder, rotated)
    # The new key signs when the other worker has had 5 s to see it, whichever of them looks first.
    early = keys.issue(claims(rotated + 4 * SECOND))
    assert kid(early) == kid(before)
    assert other.verify(early, rotated + 4 * SECOND)
    late = keys.issue(claims(rotated + 10 * SECOND))
    assert kid(late) == new
    assert other.verify(late, rotated + 10 * SECOND)
    assert other.verify(before, rotated + 10 * SECOND)
    assert {key["kid"] for key in other.published(rotated + 10 * SECOND)} == {kid(before), new}


def test_an_old_key_goes_when_its_last_token_has_ended(keys: TokenKeys) -> None:
    keys.issue(claims())
    second = rotate(keys.folder, NOON + 10 * SECOND)
    # The second key has signed since 12:00:10; tokens of the first end by 12:00:10 + 600 + 5 + 5 s.
    rotate(keys.folder, NOON + 620 * SECOND)
    assert len(list(keys.folder.glob("*.pem"))) == 3
    fourth = rotate(keys.folder, NOON + 621 * SECOND)
    left = {path.stem.partition("-")[2] for path in keys.folder.glob("*.pem")}
    assert len(left) == 3
    assert {second, fourth} <= left


def test_a_key_that_is_no_longer_secret_is_dropped_at_once(keys: TokenKeys) -> None:
    token = keys.issue(claims())
    keys.verify(token, NOON)
    rotate(keys.folder, NOON + SECOND, at_once=True)
    refused(keys, token, NOON + 6 * SECOND)


def test_two_workers_that_start_together_make_one_key(tmp_path: Path) -> None:
    first, second = TokenKeys(tmp_path), TokenKeys(tmp_path)
    first.published(NOON)
    second.published(NOON)
    assert second.verify(second.issue(claims()), NOON)
    assert first.verify(first.issue(claims()), NOON)
    assert len(list(tmp_path.glob("*.pem"))) == 1


def test_a_file_that_is_no_key_is_named(keys: TokenKeys) -> None:
    keys.folder.mkdir()
    (keys.folder / "20261120T120000000000-abc.pem").write_text("no key")
    with pytest.raises(KeyFileError, match=r"20261120T120000000000-abc\.pem in the folder"):
        keys.published(NOON)


def test_the_published_keys_verify(keys: TokenKeys) -> None:
    token = keys.issue(claims())
    published = jwt.PyJWKSet.from_dict({"keys": keys.published(NOON)})
    content = jwt.decode(
        token,
        published[kid(token)],
        ["EdDSA"],
        options={"verify_exp": False, "verify_iat": False},
        audience="xinqiao",
    )
    assert content["inst"] == "bank"
