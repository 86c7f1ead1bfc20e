"""What becomes of ID numbers, names of natural persons and phones: a keyed token and a sealed blob.

The token (HMAC-SHA256) lets equal values be joined without being read. The blob (AES-256-GCM) can be
opened only with the key of its subject; every subject has its own, wrapped by the master key, and
deleting that key is the deletion of the person's data everywhere, backups of the lake included.
"""

import hashlib
import hmac
import os
import secrets
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from features.errors import LakeError

MASTER_BYTES = 32
NONCE_BYTES = 12
TOKEN_HEX = 32


class Vault:
    """Tokens, and the keys of subjects.

    Parameters
    ----------
    folder : Path
        Holds `master.key` (32 bytes, mode 0600) and `subjects.sqlite`; made at first use.

    Raises
    ------
    LakeError
        If there are subject keys but no master key to open them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._database = folder / "subjects.sqlite"
        master = self._load_master()
        self._token_key = hmac.digest(master, b"xinqiao token", hashlib.sha256)
        self._wrapping = AESGCM(hmac.digest(master, b"xinqiao wrap", hashlib.sha256))

    def token(self, kind: str, value: str) -> str:
        """A stable pseudonym of a value [hex, 32 characters]; kinds never share tokens."""
        text = f"{kind}\x1f{value}".encode()
        return hmac.new(self._token_key, text, hashlib.sha256).hexdigest()[:TOKEN_HEX]

    def subject(self, owner: str | None, uscc: str, kind: str, value: str) -> str:
        """The token under which a person's key is kept.

        Parameters
        ----------
        owner : str or None
            What identifies the person (an ID number). Without it the person is this value at this
            firm, and nobody else.
        """
        if owner is not None:
            return self.token("id_number", owner)
        return self.unidentified(uscc, self.token(kind, value))

    def unidentified(self, uscc: str, token: str) -> str:
        """The subject of a value that nothing ties to a person, from what the lake stores of it."""
        return self.token("unidentified", f"{uscc} {token}")

    def seal(self, values: Iterable[tuple[str, str, str]]) -> list[bytes]:
        """Encrypt values, each under the key of its subject; keys are made where there are none.

        Parameters
        ----------
        values : iterable of (subject token, kind, value)

        Returns
        -------
        list of bytes
            Nonce and ciphertext, in the order given.
        """
        listed = list(values)
        keys = self._subject_keys({subject for subject, _, _ in listed})
        sealed: list[bytes] = []
        for subject, kind, value in listed:
            nonce = secrets.token_bytes(NONCE_BYTES)
            blob = AESGCM(keys[subject]).encrypt(nonce, value.encode(), kind.encode())
            sealed.append(nonce + blob)
        return sealed

    def unseal(self, subject: str, kind: str, blob: bytes) -> str:
        """Decrypt one value.

        Raises
        ------
        LakeError
            If the subject's key was deleted, or the blob is not what was sealed.
        """
        with self._open() as connection:
            row = connection.execute(
                "SELECT wrapped FROM subject_key WHERE subject = ?", (subject,)
            ).fetchone()
        if row is None:
            raise LakeError(
                en=f"The key of subject {subject} was deleted; this value is gone.",
                zh=f"主体 {subject} 的密钥已删除，该数据不可恢复。",
            )
        try:
            key = self._unwrap(subject, row[0])
            return (
                AESGCM(key).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], kind.encode()).decode()
            )
        except (InvalidTag, ValueError) as changed:
            raise _changed(subject) from changed

    def forget(self, subject: str) -> bool:
        """Delete a subject's key; True if there was one. Nothing sealed under it can be read again."""
        with self._open() as connection:
            return (
                connection.execute("DELETE FROM subject_key WHERE subject = ?", (subject,)).rowcount
                > 0
            )

    def _subject_keys(self, subjects: set[str]) -> dict[str, bytes]:
        keys: dict[str, bytes] = {}
        if not subjects:
            return keys
        with self._open() as connection:
            for subject in sorted(subjects):
                row = connection.execute(
                    "SELECT wrapped FROM subject_key WHERE subject = ?", (subject,)
                ).fetchone()
                if row is not None:
                    try:
                        keys[subject] = self._unwrap(subject, row[0])
                    except (InvalidTag, ValueError) as changed:
                        raise _changed(subject) from changed
                    continue
                keys[subject] = AESGCM.generate_key(256)
                nonce = secrets.token_bytes(NONCE_BYTES)
                wrapped = nonce + self._wrapping.encrypt(nonce, keys[subject], subject.encode())
                connection.execute("INSERT INTO subject_key VALUES (?, ?)", (subject, wrapped))
        return keys

    def _unwrap(self, subject: str, wrapped: bytes) -> bytes:
        return self._wrapping.decrypt(
            wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], subject.encode()
        )

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """One transaction over the key store; deleted keys are overwritten in the file."""
        try:
            with closing(sqlite3.connect(self._database, timeout=60)) as connection, connection:
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS subject_key "
                    "(subject TEXT PRIMARY KEY, wrapped BLOB NOT NULL)"
                )
                yield connection
        except sqlite3.Error as failed:
            raise LakeError(
                en=f"The key store {self._database} cannot be used ({failed}). "
                "Restore it from its backup, or wait for the process that holds it.",
                zh=f"密钥库 {self._database} 无法使用（{failed}），请从备份恢复或等待占用它的进程。",
            ) from failed

    def _load_master(self) -> bytes:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / "master.key"
        if not path.exists():
            if self._database.exists():
                raise LakeError(
                    en=f"The master key {path} is missing, so sealed values cannot be opened. "
                    "Restore it from its backup.",
                    zh=f"主密钥 {path} 丢失，已加密的数据无法打开，请从备份恢复。",
                )
            temporary = path.with_suffix(f".{secrets.token_hex(8)}")
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(secrets.token_bytes(MASTER_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                pass  # another process was first; its key counts
            finally:
                temporary.unlink()
        master = path.read_bytes()
        if len(master) != MASTER_BYTES:
            raise LakeError(
                en=f"The master key {path} has {len(master)} bytes, not {MASTER_BYTES}. "
                "Restore it from its backup.",
                zh=f"主密钥 {path} 长度为 {len(master)} 字节，应为 {MASTER_BYTES} 字节，请从备份恢复。",
            )
        return master


def _changed(subject: str) -> LakeError:
    return LakeError(
        en=f"A sealed value of subject {subject} was changed or the master key is another.",
        zh=f"主体 {subject} 的密文被改动或主密钥不符。",
    )
