"""The hash tree of RFC 6962 (section 2.1): leaves, roots, and what proves a leaf or a growth.

    leaf  = SHA-256(0x00 ‖ bytes)
    node  = SHA-256(0x01 ‖ left ‖ right)
    a tree of n leaves splits at the largest power of two below n; the empty tree is SHA-256("")

A proof is a list of hashes of *spans* of leaves. Which spans is arithmetic and stands here; where
their hashes are kept is `tiles`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

EMPTY_ROOT = hashlib.sha256(b"").digest()
#: A tile is the hash of a full subtree of 256^level leaves.
TILE_HEIGHT = 8


@dataclass(frozen=True)
class Span:
    """Leaves from `start` to before `end`; its hash is that of a tree of just these."""

    start: int
    end: int


@dataclass(frozen=True)
class Tile:
    """Hash of the full subtree over leaves `[index · 256^level, (index + 1) · 256^level)`."""

    level: int
    index: int
    hash: bytes


def leaf_hash(content: bytes) -> bytes:
    """Hash of a leaf [32 bytes]."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees side by side [32 bytes]."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass
class Frontier:
    """A tree that only grows: its full subtrees from the left, largest first.

    Parameters
    ----------
    size : int
        Leaves so far.
    subtrees : list of bytes
        One hash for every one-bit of `size`, highest first.

    Examples
    --------
    >>> tree = Frontier()
    >>> tree.root() == EMPTY_ROOT
    True
    >>> _ = tree.append(leaf_hash(b"first"))
    >>> tree.root() == leaf_hash(b"first")
    True
    """

    size: int = 0
    subtrees: list[bytes] = field(default_factory=list[bytes])

    def append(self, leaf: bytes) -> list[Tile]:
        """Add a leaf by its hash; the tiles it completes, lowest level first."""
        completed: list[Tile] = []
        self.subtrees.append(leaf)
        before, height = self.size, 0
        self.size += 1
        while before & 1:
            right = self.subtrees.pop()
            self.subtrees[-1] = node_hash(self.subtrees[-1], right)
            before, height = before >> 1, height + 1
            if height % TILE_HEIGHT == 0:
                level = height // TILE_HEIGHT
                completed.append(Tile(level, (self.size >> height) - 1, self.subtrees[-1]))
        return completed

    def root(self) -> bytes:
        """Hash of the whole tree as it is now."""
        return fold(self.subtrees)


def fold(subtrees: Sequence[bytes]) -> bytes:
    """Root over full subtrees that shrink to the right."""
    if not subtrees:
        return EMPTY_ROOT
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes."""
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Spans whose hashes prove that leaf `index` is in the tree of `size`, from the leaf upwards.

    Raises
    ------
    ValueError
        If the tree has no such leaf.

    Examples
    --------
    >>> inclusion_spans(2, 5)
    [Span(start=3, end=4), Span(start=0, end=2), Span(start=4, end=5)]
    """
    if not 0 <= index < size:
        raise ValueError(f"A tree of {size} leaves has no leaf {index}.")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """Spans whose hashes prove that the tree of `new` leaves begins with the tree of `old`.

    Raises
    ------
    ValueError
        If the new tree is smaller.

    Examples
    --------
    >>> consistency_spans(3, 7)
    [Span(start=2, end=3), Span(start=3, end=4), Span(start=0, end=2), Span(start=4, end=7)]
    """
    if not 0 <= old <= new:
        raise ValueError(f"A tree of {new} leaves cannot begin with one of {old}.")
    if old in {0, new}:
        return []
    spans: list[Span] = []
    start, end = 0, new
    is_left_edge = True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start, is_left_edge = middle, False
    if not is_left_edge:
        spans.append(Span(start, end))
    return spans[::-1]


def proves_inclusion(
    index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether the path leads from the leaf to the root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    first, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if first & 1 or first == last:
            found = node_hash(step, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, step)
        first, last = first >> 1, last >> 1
    return last == 0 and found == root


def proves_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the new tree begins with the old one (RFC 9162, section 2.1.4.2)."""
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    if not 0 < old < new or not path:
        return False
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    was = now = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            was, now = node_hash(step, was), node_hash(step, now)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            now = node_hash(now, step)
        first, last = first >> 1, last >> 1
    return last == 0 and was == old_root and now == new_root


def _split(count: int) -> int:
    """The largest power of two below a count of two or more."""
    return 1 << ((count - 1).bit_length() - 1)
