"""Everything recomputed: rows to seals, seals to tiles, seals to signed heads.

A tree of hashes grows along the seals as they are stored. A row that is not what its seal says is
named; a row rewritten together with its seal shows at the first head behind it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serving.audit import repository
from serving.audit.appending import locked
from serving.audit.findings import Finding, leaves
from serving.audit.heads import Custody, Head
from serving.audit.leaf import leaf_bytes
from serving.audit.merkle import Frontier, Span, Tile, leaf_hash
from serving.audit.papers import Papers, read_papers
from serving.audit.repository import Sync
from serving.audit.rows import START, Leaf, Place
from serving.audit.tiles import MissingHashError, frontier_at, wanted

#: A broken log can have a finding a row; more than this say nothing new.
MOST_FINDINGS = 1_000
_LOWEST = -(2**63)

Progress = Callable[[int, int], None]
Sink = Callable[[Leaf], None]


@dataclass(frozen=True)
class Report:
    """What was checked and what was found.

    Attributes
    ----------
    since : int
        First leaf whose row was read again; those before it stand by their hashes.
    size : int
        Leaves in the database.
    waiting : int
        Committed rows that are not sealed yet: nothing proves them so far.
    """

    since: int
    size: int
    waiting: int
    papers: Papers
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing at all was found."""
        return not self.findings


def verify_record(
    connection: Sync,
    custody: Custody,
    *,
    copies: Sequence[Path] = (),
    since: int = 0,
    progress: Progress = lambda _done, _total: None,
    begin: Callable[[Papers], Sink] = lambda _: lambda _: None,
) -> Report:
    """Verify the record as it is now; a sealer may go on meanwhile.

    Parameters
    ----------
    connection : Connection
        That may read the three tables, with autocommit.
    custody : Custody
        With its secret folder, if it can be read: its note says which head was signed last.
    copies : sequence of Path
        Files of heads set aside earlier or elsewhere.
    since : int
        Trust the rows of heads that cover no more than this many leaves.
    begin : callable
        Given keys and heads, returns what receives every leaf with its row.
    """
    with connection.transaction():
        with locked(custody.lock, is_shared=True):
            repository.take_snapshot(connection)
            papers = read_papers(custody, copies)
        return verify(connection, papers, since=since, progress=progress, sink=begin(papers))


def verify(
    connection: Sync,
    papers: Papers,
    *,
    since: int = 0,
    progress: Progress = lambda _done, _total: None,
    sink: Sink = lambda _: None,
) -> Report:
    """Verify what the connection sees inside its transaction against keys and heads."""
    walk, findings = _begun(connection, papers, since)
    total = papers.newest.size if papers.newest else 0
    walk.findings += findings
    begun = walk.tree.size
    for leaf in repository.leaves_from(connection, begun or _LOWEST):
        walk.take(leaf)
        sink(leaf)
        if leaf.index % 5_000 == 0:
            progress(leaf.index, total)
    walk.finish()
    is_signed = bool(papers.newest) and total == walk.next
    settled = walk.place.end_of_transaction() if is_signed else walk.place
    skipped = repository.skipped_until(connection, settled, MOST_FINDINGS)
    walk.findings += [Finding("row_skipped", audit_id=audit_id) for audit_id in skipped]
    waiting, _ = repository.waiting_after(connection, settled)
    found = (*papers.findings, *walk.findings)[:MOST_FINDINGS]
    return Report(begun, walk.next, waiting, papers, found)


@dataclass
class _Walk:
    """The state of one pass along the seals."""

    tree: Frontier
    heads: deque[Head]
    tiles: dict[tuple[int, int], bytes]
    place: Place = START
    next: int = 0
    covered: int = 0
    is_intact: bool = True
    findings: list[Finding] = field(default_factory=list[Finding])

    def take(self, leaf: Leaf) -> None:
        """Check the next seal and its row."""
        self._check_row(leaf)
        if leaf.index < self.next:
            self._found(Finding("seal_unexpected", leaf.index, leaf.audit_id))
            return
        if leaf.index > self.next:
            self._found(Finding("seal_missing", detail=leaves(self.next, leaf.index)))
            self.is_intact = False
        self.next = leaf.index + 1
        if self.is_intact:
            for tile in self.tree.append(leaf.hash):
                self._check_tile(tile)
            self.check_heads()

    def finish(self) -> None:
        """Check what only the end shows: heads without leaves, leaves without heads, tiles too many."""
        signed = self.heads[-1].size if self.heads else self.covered
        if self.next < signed:
            self._found(Finding("seals_truncated", detail=leaves(self.next, signed)))
        if self.next > signed:
            self._found(Finding("seals_unsigned", detail=leaves(signed, self.next)))
        if self.is_intact:
            for level, index in self.tiles:
                self._found(Finding("tile_unexpected", detail=f"{level}/{index}"))

    def check_heads(self) -> None:
        """Hold the tree against the heads of its size; once it is off, it stays off."""
        while self.heads and self.heads[0].size <= self.tree.size:
            head = self.heads.popleft()
            if head.root != self.tree.root().hex():
                self._found(Finding("head_mismatch", detail=leaves(self.covered, head.size)))
                self.is_intact = False
                self.covered = max([head.size, *(later.size for later in self.heads)])
                self.heads.clear()
                return
            self.covered = head.size

    def _check_row(self, leaf: Leaf) -> None:
        if leaf.row is None:
            self._found(Finding("row_deleted", leaf.index, leaf.audit_id))
            return
        if leaf_hash(leaf_bytes(leaf.row)) != leaf.hash:
            self._found(Finding("row_changed", leaf.index, leaf.audit_id))
            return
        place = Place(int(str(leaf.row[1])), leaf.audit_id)
        if place <= self.place:
            self._found(Finding("order_broken", leaf.index, leaf.audit_id))
        self.place = max(self.place, place)

    def _check_tile(self, tile: Tile) -> None:
        kept = self.tiles.pop((tile.level, tile.index), None)
        if kept != tile.hash:
            kind = "tile_missing" if kept is None else "tile_changed"
            self._found(Finding(kind, detail=f"{tile.level}/{tile.index}"))

    def _found(self, finding: Finding) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)


def _begun(connection: Sync, papers: Papers, since: int) -> tuple[_Walk, list[Finding]]:
    """A walk from the last head that covers no more than `since` leaves, or from the first leaf."""
    trusted = [head for head in papers.heads if 0 < head.size <= since]
    if trusted:
        head = trusted[-1]
        stored = repository.hashes_of(connection, wanted([Span(0, head.size)]))
        try:
            tree = frontier_at(head.size, stored)
        except MissingHashError as missing:
            at = f"{missing.level}/{missing.index}"
            return _walk(connection, papers, Frontier()), [Finding("tile_missing", detail=at)]
        if tree.root().hex() == head.root:
            return _walk(connection, papers, tree), []
        mismatch = Finding("head_mismatch", detail=leaves(0, head.size))
        return _walk(connection, papers, Frontier()), [mismatch]
    return _walk(connection, papers, Frontier()), []


def _walk(connection: Sync, papers: Papers, tree: Frontier) -> _Walk:
    tiles = repository.tiles_since(connection, tree.size)
    walk = _Walk(
        tree,
        deque(head for head in papers.heads if head.size >= tree.size),
        {(tile.level, tile.index): tile.hash for tile in tiles},
        place=repository.place_of(connection, tree.size - 1),
        next=tree.size,
        covered=tree.size,
    )
    walk.check_heads()
    return walk
