"""The keys that sign heads: the private one in the vault, all public ones beside the heads.

A key comes in by the signature of the one before it, so a chain of keys leads back to the first,
whose id is published. A key id is the first 16 hex digits of SHA-256 of the public key. The signed
text of a key, one item a line:

    xinqiao audit key 1
    <key id>
    <public key, 64 hex digits>
    <since, 2026-11-21T09:30:00.000000>
    <id of the endorsing key, or nothing for the first, which signs itself>
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import TypeAdapter, ValidationError

from serving.audit.appending import append, cut_torn, read_lines, replace
from serving.audit.errors import RecordDamagedError

#: In the secret folder: the head signed last.
NOTE = "newest_head.json"
_PRIVATE_BYTES = 32
_ID_HEX = 16


@dataclass(frozen=True)
class PublicKey:
    """One line of `keys.jsonl`."""

    key_id: str
    public: str
    since: str
    endorsed_by: str
    signature: str

    def text(self) -> bytes:
        """What the endorsing key signs."""
        return (
            f"xinqiao audit key 1\n{self.key_id}\n{self.public}\n{self.since}\n{self.endorsed_by}\n"
        ).encode()

    def verifies(self, signature: str, text: bytes) -> bool:
        """Whether this key made the signature [hex]."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public))
            key.verify(bytes.fromhex(signature), text)
        except (InvalidSignature, ValueError):
            return False
        return _is_hex(signature)


_KEY = TypeAdapter(PublicKey)


def chain_is_sound(keys: Sequence[PublicKey]) -> bool:
    """Whether every key has its own id and the signature of the key before it."""
    for place, key in enumerate(keys):
        signer = keys[place - 1] if place else key
        is_named = _is_hex(key.public) and key.key_id == id_of(bytes.fromhex(key.public))
        by = signer.key_id if place else ""
        if not (is_named and key.endorsed_by == by and signer.verifies(key.signature, key.text())):
            return False
    return True


def read_keys(path: Path) -> list[PublicKey]:
    """Public keys in the order they came in.

    Raises
    ------
    RecordDamagedError
        If a line is not a key.
    """
    return [_parsed(line, place, path) for place, line in enumerate(read_lines(path), 1)]


class Signer:
    """The key that signs now.

    Parameters
    ----------
    secret : Path
        Folder of private keys, a file `<key id>.key` of 32 bytes (mode 0600) for the one in use.
    public : Path
        `keys.jsonl`.
    now : datetime
        Wall time in Asia/Shanghai; the `since` of the first key, if it is made here.

    Raises
    ------
    RecordDamagedError
        If the public keys are not a chain, or the private key of the last is missing or another.
    """

    def __init__(self, secret: Path, public: Path, now: datetime) -> None:
        self._secret = secret
        self._public = public
        secret.mkdir(parents=True, exist_ok=True, mode=0o700)
        cut_torn(public)
        self.keys = read_keys(public)
        if not self.keys:
            self._require_beginning()
            self._announce(self._make(), now)
        if not chain_is_sound(self.keys):
            raise RecordDamagedError(
                en=f"The keys in {public} do not endorse one another. Restore the file from its copy.",
                zh=f"{public} 中的公钥未能逐一背书，请从副本恢复该文件。",
            )
        self._private = self._load()
        for endorser in self.keys[-2:-1]:
            self._path(endorser.key_id).unlink(missing_ok=True)

    @property
    def key_id(self) -> str:
        """Id of the key in use."""
        return self.keys[-1].key_id

    def sign(self, text: bytes) -> str:
        """Signature [128 hex digits]."""
        return self._private.sign(text).hex()

    def rotate(self, now: datetime) -> PublicKey:
        """Sign with a new key from now on; the old one endorses it and its private half is deleted."""
        old = self.key_id
        made = self._make()
        self._announce(made, now)
        self._private = made
        self._path(old).unlink(missing_ok=True)
        return self.keys[-1]

    def _require_beginning(self) -> None:
        if (self._secret / NOTE).exists():
            raise RecordDamagedError(
                en=f"The public keys {self._public} are missing though heads were signed. Restore them from their copy.",
                zh=f"已签署过树头，但公钥文件 {self._public} 缺失，请从副本恢复。",
            )

    def _make(self) -> Ed25519PrivateKey:
        key = Ed25519PrivateKey.generate()
        replace(self._path(id_of(key.public_key().public_bytes_raw())), key.private_bytes_raw())
        return key

    def _announce(self, made: Ed25519PrivateKey, now: datetime) -> None:
        public = made.public_key().public_bytes_raw()
        unsigned = PublicKey(
            key_id=id_of(public),
            public=public.hex(),
            since=now.isoformat(timespec="microseconds"),
            endorsed_by=self.key_id if self.keys else "",
            signature="",
        )
        endorsing = self._private if self.keys else made
        content = asdict(unsigned) | {"signature": endorsing.sign(unsigned.text()).hex()}
        append(self._public, json.dumps(content).encode() + b"\n")
        self.keys.append(PublicKey(**content))

    def _load(self) -> Ed25519PrivateKey:
        path = self._path(self.key_id)
        raw = path.read_bytes() if path.exists() else b""
        key = Ed25519PrivateKey.from_private_bytes(raw) if len(raw) == _PRIVATE_BYTES else None
        if key is None or id_of(key.public_key().public_bytes_raw()) != self.key_id:
            raise RecordDamagedError(
                en=f"The private key {path} is missing or is not the one {self._public} names last. "
                "Restore it from its backup.",
                zh=f"私钥 {path} 缺失或与 {self._public} 中最后一个公钥不符，请从备份恢复。",
            )
        return key

    def _path(self, key_id: str) -> Path:
        return self._secret / f"{key_id}.key"


def id_of(public: bytes) -> str:
    """Short name of a public key [16 hex digits]."""
    return hashlib.sha256(public).hexdigest()[:_ID_HEX]


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text) and len(text) % 2 == 0


def _parsed(line: bytes, place: int, path: Path) -> PublicKey:
    try:
        return _KEY.validate_json(line, strict=True)
    except ValidationError as wrong:
        raise RecordDamagedError(
            en=f"Line {place} of {path} is not a public key. Restore the file from its copy.",
            zh=f"{path} 第 {place} 行不是公钥，请从副本恢复该文件。",
        ) from wrong
