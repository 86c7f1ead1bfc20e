"""Tags of firms that stand in the ledger, and those a firm has removed."""

from collections.abc import Sequence

from models.tags.held import Claims, Given
from serving.db import Connection
from serving.tags.repository import read_claims, removed_tags


async def claims_of(connection: Connection, usccs: Sequence[str]) -> Claims:
    """What certificates and the firms themselves say, less what they removed."""
    said = await read_claims(connection, usccs)
    given = [Given(one.uscc, one.tag, one.valid_from, one.valid_until) for one in said]
    return Claims(given, await removed_tags(connection, usccs))
