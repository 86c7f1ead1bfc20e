"""Signing keys as files: one a key, named by when it was made and what it is."""

import base64
import fcntl
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from serving.auth.rules import load_rules
from serving.errors import KeyFileError

_STAMP = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True)
class KeyFile:
    """One Ed25519 key pair; `made_at` is Asia/Shanghai wall time."""

    id: str
    made_at: datetime
    private: Ed25519PrivateKey

    @cached_property
    def public(self) -> Ed25519PublicKey:
        """What verifies."""
        return self.private.public_key()

    def published(self) -> dict[str, str]:
        """The public half as a JSON web key."""
        raw = self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": x,
            "kid": self.id,
            "use": "sig",
            "alg": "EdDSA",
        }


def read_keys(folder: Path, known: Mapping[str, KeyFile]) -> dict[str, KeyFile]:
    """Every key of the folder by its id; files that were read before are not read again.

    Raises
    ------
    KeyFileError
        If a file is not an Ed25519 private key.
    """
    keys: dict[str, KeyFile] = {}
    for path in sorted(folder.glob("*.pem")):
        stamp, _, name = path.stem.partition("-")
        key = known.get(name) or _read(path, stamp, name)
        if key is not None:
            keys[name] = key
    return keys


def make_first_key(folder: Path, now: datetime) -> None:
    """Make a key unless another process has made one meanwhile."""
    with _Lock(folder):
        if not any(folder.glob("*.pem")):
            _write(folder, now)


def rotate(folder: Path, now: datetime, *, at_once: bool = False) -> str:
    """Make a new key and remove those whose last token has ended.

    Parameters
    ----------
    at_once : bool
        Remove every older key now, because one is no longer secret: all its tokens are dead as soon
        as the workers have looked (`reload_seconds`).

    Returns
    -------
    str
        Id of the new key.
    """
    rules = load_rules().tokens
    kept_seconds = rules.lifetime_seconds + rules.reload_seconds + rules.clock_leeway_seconds
    with _Lock(folder):
        keys = sorted(folder.glob("*.pem"))
        name = _write(folder, now)
        for older, newer in pairwise(keys):
            made_at = datetime.strptime(newer.stem.partition("-")[0], _STAMP)  # noqa: DTZ007
            if made_at + timedelta(seconds=kept_seconds) < now:
                older.unlink()
        if at_once:
            for older in keys:
                older.unlink(missing_ok=True)
    return name


class _Lock:
    """One maker of keys at a time; released by the system if it dies."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / "keys.lock"

    def __enter__(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _write(folder: Path, now: datetime) -> str:
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    name = hashlib.sha256(raw).hexdigest()[:16]
    path = folder / f"{now.strftime(_STAMP)}-{name}.pem"
    partial = path.with_suffix(".partial")
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    return name


def _read(path: Path, stamp: str, name: str) -> KeyFile | None:
    """The key in a file; None if another process has just removed it."""
    try:
        private = load_pem_private_key(path.read_bytes(), None)
        made_at = datetime.strptime(stamp, _STAMP)  # noqa: DTZ007 - wall time by decision
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, OSError) as broken:
        raise _no_key(path) from broken
    if not isinstance(private, Ed25519PrivateKey):
        raise _no_key(path)
    return KeyFile(name, made_at, private)


def _no_key(path: Path) -> KeyFileError:
    return KeyFileError(
        en=f"{path.name} in the folder of token keys is not an Ed25519 key of ours. Restore it, or "
        "remove it: tokens it signed are then dead.",
        zh=f"令牌密钥目录中的 {path.name} 不是有效的 Ed25519 密钥；请恢复该文件，或将其移除（其签发的令牌随即失效）。",
    )
