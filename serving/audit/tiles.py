"""Where the hashes of spans are kept: leaves one by one, full subtrees of 256, 65,536 … as tiles.

Any span of a proof is made of full subtrees, and any full subtree of at most 255 neighbours on one
level, so a proof over ten million leaves reads a few hundred hashes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from serving.audit.merkle import TILE_HEIGHT, Frontier, Span, fold, root_of

#: (level, index) to hash; level 0 holds leaf hashes.
Stored = Mapping[tuple[int, int], bytes]


@dataclass(frozen=True)
class Block:
    """Neighbours on one level that make one full subtree."""

    level: int
    first: int
    count: int


class MissingHashError(LookupError):
    """A hash of the tree is not where it should be."""

    def __init__(self, level: int, index: int) -> None:
        super().__init__(f"level {level}, index {index}")
        self.level = level
        self.index = index


def blocks_of(span: Span) -> list[Block]:
    """The full subtrees of a span from the left, each as neighbours on the highest level stored.

    Examples
    --------
    >>> blocks_of(Span(0, 515))
    [Block(level=1, first=0, count=2), Block(level=0, first=512, count=2), Block(level=0, first=514, count=1)]
    """
    blocks: list[Block] = []
    start = span.start
    while start < span.end:
        height = (span.end - start).bit_length() - 1
        if start:
            height = min(height, (start & -start).bit_length() - 1)
        level = height // TILE_HEIGHT
        count = 1 << (height % TILE_HEIGHT)
        blocks.append(Block(level, start >> (level * TILE_HEIGHT), count))
        start += 1 << height
    return blocks


def span_hash(span: Span, stored: Stored) -> bytes:
    """Hash of a span from stored hashes.

    Raises
    ------
    MissingHashError
        If one it needs is not there.
    """
    return fold(_subtrees(span, stored))


def frontier_at(size: int, stored: Stored) -> Frontier:
    """The tree of the first `size` leaves, ready to grow.

    Raises
    ------
    MissingHashError
        If a hash it needs is not there.
    """
    return Frontier(size, _subtrees(Span(0, size), stored))


def wanted(spans: Iterable[Span]) -> list[Block]:
    """All that must be read for these spans, each block once."""
    return list(dict.fromkeys(block for span in spans for block in blocks_of(span)))


def _subtrees(span: Span, stored: Stored) -> list[bytes]:
    return [_block_hash(block, stored) for block in blocks_of(span)]


def _block_hash(block: Block, stored: Stored) -> bytes:
    hashes: list[bytes] = []
    for index in range(block.first, block.first + block.count):
        found = stored.get((block.level, index))
        if found is None:
            raise MissingHashError(block.level, index)
        hashes.append(found)
    return root_of(hashes)
