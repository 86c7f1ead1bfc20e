"""Secrets that sign: sealed, so that the ledger alone, or a copy of it, signs nothing."""

import asyncio
from collections.abc import Sequence

from features.vault import Vault
from serving.webhooks.repository import SealedSecret

_KIND = "webhook_secret"
#: Opened secrets a process remembers.
_REMEMBERED = 4096


class Keyring:
    """Seals and opens secrets; what was opened once is remembered, because a secret never changes."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._opened: dict[str, str] = {}

    async def seal(self, endpoint_id: str, secret: str) -> bytes:
        """What the ledger keeps of a secret."""
        sealed = await asyncio.to_thread(self._vault.seal, [(_subject(endpoint_id), _KIND, secret)])
        return sealed[0]

    async def open(self, endpoint_id: str, sealed: Sequence[SealedSecret]) -> list[str]:
        """The secrets themselves, in the order given."""
        for one in sealed:
            if one.secret_id not in self._opened:
                if len(self._opened) >= _REMEMBERED:
                    self._opened.clear()
                self._opened[one.secret_id] = await asyncio.to_thread(
                    self._vault.unseal, _subject(endpoint_id), _KIND, one.sealed
                )
        return [self._opened[one.secret_id] for one in sealed]


def _subject(endpoint_id: str) -> str:
    return f"webhook {endpoint_id}"
