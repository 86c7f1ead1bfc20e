"""The text of a report as it is kept: sealed under a key the ledger does not hold."""

import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from features.vault import Vault

_NONCE_BYTES = 12


def seal_text(vault: Vault, number: str, text: str) -> bytes:
    """Nonce and ciphertext of one report."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(vault, number).encrypt(nonce, text.encode(), number.encode())


def unseal_text(vault: Vault, number: str, sealed: bytes) -> str:
    """The text again; `cryptography.exceptions.InvalidTag` if it was changed."""
    nonce, blob = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    return _cipher(vault, number).decrypt(nonce, blob, number.encode()).decode()


def _cipher(vault: Vault, number: str) -> AESGCM:
    """A key for one report, drawn from the vault's."""
    return AESGCM(bytes.fromhex(vault.token("report", number)))
